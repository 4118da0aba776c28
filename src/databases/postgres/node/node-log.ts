import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { NodePlace } from "./node-place.ts";

/** Two systems may each have a node of this name. */
export function nodeLogPath(logDir: string, { node, dataDir }: NodePlace): string {
  const which = createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
  return join(logDir, `${node.name.replaceAll(/[^\w.-]/gu, "_")}-${which}.log`);
}

/** The server inherits the open file, so its user need not be able to come here. */
export async function openNodeLog(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}
