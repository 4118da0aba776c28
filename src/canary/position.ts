import { open } from "node:fs/promises";
import { formatLsn, parseLsn } from "../formats/postgres/lsn.ts";
import { filesOf } from "./traffic-files.ts";

const TAIL = 1 << 16;

export interface Position {
  readonly lsn: string;
  /** When the newest of the acknowledgements came that were looked at. */
  readonly monoUs: number;
}

/**
 * Newest position that came with an acknowledgement. Only the end of the ledger is read: this is asked while the service is
 * away. Of writers that were acknowledged together the furthest counts, but nothing from before a writer connected anew: that may
 * have been another server, with another history.
 */
export async function lastPosition(dir: string): Promise<Position | null> {
  for (const path of filesOf(dir, "writer").toReversed()) {
    const found = await lastOf(path);
    if (found !== null) return found;
  }
  return null;
}

async function lastOf(path: string): Promise<Position | null> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  for (let length = TAIL; ; length *= 4) {
    const start = Math.max(0, size - length);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const lines = buffer
      .toString("latin1", 0, bytesRead)
      .split("\n")
      .slice(start === 0 ? 0 : 1, -1);
    const found = newest(lines);
    if (found !== null || start === 0) return found;
  }
}

function newest(lines: readonly string[]): Position | null {
  let monoUs: number | null = null;
  let furthest = 0n;
  for (const line of lines.toReversed()) {
    const [kind, at, , , lsn] = line.split(" ");
    if (kind === "c" && monoUs !== null) break;
    if (kind !== "a" || lsn === undefined) continue;
    monoUs ??= Number(at);
    const position = parseLsn(lsn);
    if (position > furthest) furthest = position;
  }
  return monoUs === null ? null : { lsn: formatLsn(furthest), monoUs };
}
