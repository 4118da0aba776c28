import { createWriteStream } from "node:fs";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import { StepError } from "../../../drills/step-error.ts";

export interface Unpacked {
  readonly files: number;
  readonly bytes: number;
}

/** Unpacks a tar of the server into a folder. Names come from another machine: none may lead out of the folder. */
export async function unpackTar(source: Readable, dir: string): Promise<Unpacked> {
  const tar = extract();
  const copying = pipeline(source, tar);
  // The failure of the copy also ends the iteration below, which then throws it.
  copying.catch(() => undefined);
  let files = 0;
  let bytes = 0;
  for await (const entry of tar) {
    const path = inside(dir, entry.header.name);
    if (entry.header.type === "file") {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await pipeline(entry, createWriteStream(path, { mode: 0o600, flags: "wx", highWaterMark: 1024 * 1024 }));
      files += 1;
      bytes += entry.header.size ?? 0;
    } else {
      await makeOther(entry.header, path);
      entry.resume();
    }
  }
  await copying;
  return { files, bytes };
}

async function makeOther(header: Header, path: string): Promise<void> {
  if (header.type === "directory") {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  } else if (header.type === "symlink") {
    await symlink(header.linkname ?? "", path);
  }
}

function inside(dir: string, name: string): string {
  const relative = normalize(name);
  if (relative.startsWith("..") || relative.startsWith("/")) {
    throw new StepError(
      "subject",
      "BACKUP_TAKE",
      `the server sent a file name that leads out of its folder: ${JSON.stringify(name)}`,
    );
  }
  return join(dir, relative);
}
