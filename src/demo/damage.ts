import { copyFile, cp, mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Copies a folder of backups and flips one byte in the middle of the largest file of one of them; returns that file's name. */
export async function copyWithDamagedFile(backups: string, copy: string): Promise<string> {
  await cp(backups, copy, { recursive: true, preserveTimestamps: true });
  const [backup = ""] = await readdir(copy);
  const file = await largestFile(join(copy, backup, "base"));
  await flipByte(file);
  return file.slice(copy.length + 1);
}

/** Copies an archive without one segment from its middle; returns the missing segment's name. */
export async function copyWithoutSegment(archive: string, copy: string, neededFrom: string): Promise<string> {
  await mkdir(copy);
  const names = (await readdir(archive)).filter((name) => /^[0-9A-F]{24}$/u.test(name)).toSorted();
  const needed = names.filter((name) => name > neededFrom);
  // Not the last: an archive that merely ends early is a shorter archive, one with a hole is a broken one.
  const missing = needed[Math.floor((needed.length - 1) / 2)];
  if (missing === undefined || needed.length < 2)
    throw new Error(`the archive ends too early to have a hole after ${neededFrom}`);
  for (const name of names) if (name !== missing) await copyFile(join(archive, name), join(copy, name));
  return missing;
}

async function largestFile(dir: string): Promise<string> {
  let best = { path: "", size: -1 };
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    if (size > best.size) best = { path, size };
  }
  return best.path;
}

async function flipByte(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  const at = Math.floor(size / 2);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8(0) ^ 0xff, 0);
  await file.write(byte, 0, 1, at);
}
