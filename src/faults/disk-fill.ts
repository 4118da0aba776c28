import { constants } from "node:fs";
import { type FileHandle, open, realpath, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { SystemFaults } from "../steps/ports/system-faults.ts";
import { instant } from "../support/clock.ts";
import { incomplete, readLocator, refused } from "./fault-errors.ts";
import { newFaultId, parseFaultId } from "./fault-id.ts";
import type { SystemFaultsDeps } from "./system-faults.ts";
import type { Undo } from "./undo.ts";

export interface DiskFill extends Undo {
  readonly port: SystemFaults["disk"];
}

const PREFIX = ".";
const CHUNK_BYTES = 1024 * 1024;
const SMALLEST_BYTES = 4096;

export function diskFill(deps: SystemFaultsDeps): DiskFill {
  const schema = locatorSchema(deps.installation);
  return {
    port: {
      async plan(dir, leaveBytes, maxBytes, { run, needed }) {
        const folder = await realpath(dir);
        await refuseShared(folder, [...deps.neededFolders, ...needed]);
        const free = await freeBytes(folder);
        if (free - leaveBytes > maxBytes) throw tooLarge(folder, free, leaveBytes, maxBytes);
        const id = newFaultId(deps.installation, run, deps.random);
        return { path: join(await topOf(folder), `${PREFIX}${id}`), leaveBytes, maxBytes };
      },
      async fill(locator, signal) {
        const read = readLocator(schema, locator);
        const begun = instant(deps.clock);
        const written = await fillUp(read, deps, signal);
        const done = instant(deps.clock);
        const left = await freeBytes(dirname(read.path));
        return { begun, done, detail: `${read.path} took ${written} bytes, ${left} are left` };
      },
    },
    async undo(locator) {
      await rm(readLocator(schema, locator).path, { force: true });
    },
    async verifyGone(locator) {
      const { path } = readLocator(schema, locator);
      const info = await stat(path).catch(() => null);
      return { gone: info === null, how: `stat: ${path} ${info === null ? "does not exist" : "is still there"}` };
    },
  };
}

function locatorSchema(installation: string) {
  const ours = (path: string): boolean => {
    const name = basename(path);
    return name.startsWith(PREFIX) && parseFaultId(name.slice(PREFIX.length))?.installation === installation;
  };
  return z.object({
    path: z.string().startsWith("/").refine(ours),
    leaveBytes: z.number().int().min(0),
    maxBytes: z.number().int().min(0),
  });
}

/** By device number: a file system is the same whatever folder of it is named. */
async function refuseShared(folder: string, needed: readonly string[]): Promise<void> {
  const { dev } = await stat(folder);
  for (const other of needed) {
    const info = await stat(other).catch(() => null);
    if (info?.dev !== dev) continue;
    throw refused(
      `${folder} is on the same file system as ${other}, which must keep its room`,
      "fault/disk-full needs a file system that only this server uses",
    );
  }
}

/** Beside the data rather than in it, as far as the file system reaches. */
async function topOf(folder: string): Promise<string> {
  const above = dirname(folder);
  return (await stat(above)).dev === (await stat(folder)).dev ? above : folder;
}

/** What a user other than root can still write. */
async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

interface Ballast {
  readonly path: string;
  readonly leaveBytes: number;
  readonly maxBytes: number;
}

/** What cannot be compressed away. Root may use blocks that are kept for it: the room of others decides. */
async function fillUp(
  { path, leaveBytes, maxBytes }: Ballast,
  deps: SystemFaultsDeps,
  signal: AbortSignal,
): Promise<number> {
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    const chunk = deps.random(CHUNK_BYTES);
    let written = 0;
    for (let size = CHUNK_BYTES; size >= SMALLEST_BYTES;) {
      signal.throwIfAborted();
      const room = (await freeBytes(dirname(path))) - leaveBytes;
      if (room <= 0) break;
      if (written + size > maxBytes)
        throw incomplete(`${path} has reached its limit of ${maxBytes} bytes`, "raise `max`");
      const wrote = room < size && size > SMALLEST_BYTES ? 0 : await writeSome(file, chunk, size);
      written += wrote;
      if (wrote < size) size /= 2;
    }
    return written;
  } finally {
    await file.close();
  }
}

async function writeSome(file: FileHandle, chunk: Uint8Array, size: number): Promise<number> {
  try {
    return (await file.write(chunk, 0, size)).bytesWritten;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) return 0;
    throw error;
  }
}

function tooLarge(folder: string, free: number, leave: number, max: number): Error {
  return refused(
    `${free - leave} bytes would have to be filled in ${folder}, over the limit of ${max}`,
    "raise `max`, or `leave`",
  );
}
