import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ControlFile } from "../../formats/postgres/control-file.ts";
import { parseWalFileName } from "../../formats/postgres/wal-file-name.ts";

/** Of a data directory. The control file learns of a promotion with the next checkpoint only; the names of the segments know at once. */
export async function newestTimeline(dataDir: string, control: ControlFile): Promise<number> {
  const names = await readdir(join(dataDir, "pg_wal"));
  const timelines = names.map((name) => parseWalFileName(name, control.walSegmentBytes));
  const segments = timelines.filter((name) => name?.kind === "segment").map((name) => name?.timeline ?? 0);
  return Math.max(control.checkpointTimeline, ...segments);
}
