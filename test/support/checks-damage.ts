import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pageChecksum } from "../../src/databases/postgres-content/page-checksum.ts";
import type { ChecksLab } from "./checks-lab.ts";

const PAGE = 8192;

/** Path of a relation's first file below the data directory, everything of it written out. */
export async function relationFile(lab: ChecksLab, relation: string): Promise<string> {
  await lab.sql("checkpoint");
  const [row] = await lab.sql(`select pg_relation_filepath('${relation}') as path`);
  return String(row?.["path"]);
}

/** Overwrites bytes of a file in place. */
export async function overwrite(dataDir: string, file: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(join(dataDir, file), "r+");
  try {
    await handle.write(bytes, 0, bytes.length, offset);
  } finally {
    await handle.close();
  }
}

/** Rewrites one page and gives it a right checksum again, as a bug of the storage's software would: only amcheck can see it. */
export async function rewritePage(
  dataDir: string,
  file: string,
  block: number,
  change: (page: Buffer) => void,
): Promise<void> {
  const path = join(dataDir, file);
  const content = await readFile(path);
  const page = content.subarray(block * PAGE, (block + 1) * PAGE);
  change(page);
  page.writeUInt16LE(0, 8);
  const words = new Int32Array(new Uint8Array(page).buffer);
  page.writeUInt16LE(pageChecksum(words, 0, words.length, block), 8);
  await writeFile(path, content);
}
