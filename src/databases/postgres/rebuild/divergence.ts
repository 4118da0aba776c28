import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import type { ControlFile, ControlState } from "../../../formats/postgres/control-file.ts";
import { formatLsn } from "../../../formats/postgres/lsn.ts";
import { parseTimelineHistory } from "../../../formats/postgres/timeline-history.ts";
import {
  formatHistoryName,
  formatSegmentName,
  segmentOf,
  segmentStart,
} from "../../../formats/postgres/wal-file-name.ts";
import { isWalRecordAt } from "../../../formats/postgres/wal-record.ts";
import type { Session } from "../../../steps/ports/postgres.ts";
import type { PrimaryView } from "../../../steps/ports/replication.ts";
import { controlFileOf } from "../control-file-of.ts";
import { newestTimeline } from "../newest-timeline.ts";
import { openPlainFile } from "../plain-file.ts";

/** How a stopped server's history stands to the present primary's. */
export type Divergence =
  /** It has nothing that the primary does not have. */
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "diverged"; readonly reason: string; readonly timeline: number; readonly forkLsn: bigint }
  | { readonly kind: "unknown"; readonly reason: string };

/** Reads the files of a stopped server. Throws `REBUILD_FOREIGN`. */
export async function divergence(dataDir: string, primary: PrimaryView, session: Session): Promise<Divergence> {
  const control = await controlFileOf(dataDir);
  requireSameCluster(dataDir, control, primary);
  const timeline = await newestTimeline(dataDir, control);
  if (timeline === primary.timeline) return onOneTimeline(dataDir, control, timeline);
  const history = await askHistory(session, primary.timeline);
  if (history === null) return { kind: "unknown", reason: "the primary does not tell the history of its timeline" };
  const fork = history.find((ancestor) => ancestor.timeline === timeline);
  if (fork === undefined)
    return {
      kind: "unknown",
      reason: `its timeline ${timeline} is no ancestor of the primary's timeline ${primary.timeline}`,
    };
  const forkLsn = fork.switchLsn;
  const at = `timeline ${primary.timeline} began at ${formatLsn(forkLsn)} of timeline ${timeline}`;
  return (await goesPast(dataDir, control, timeline, forkLsn))
    ? { kind: "diverged", reason: `${at}, and it went on after that`, timeline, forkLsn }
    : { kind: "none", reason: `${at}, and it has nothing after that` };
}

const PRIMARYS: ReadonlySet<ControlState> = new Set([
  "in production",
  "shutting down",
  "shut down",
  "in crash recovery",
]);

/**
 * Two standbys promoted side by side give their timelines the same number, and one follows the other without an error: its pages are
 * not the other's from then on. A copy that was never started has its primary's state, and a `backup_label`.
 */
async function onOneTimeline(dataDir: string, { state }: ControlFile, timeline: number): Promise<Divergence> {
  const copied = (await lstat(join(dataDir, "backup_label")).catch(() => null))?.isFile() ?? false;
  if (!PRIMARYS.has(state) || copied) return { kind: "none", reason: `it is on the primary's timeline ${timeline}` };
  return { kind: "unknown", reason: `it wrote on timeline ${timeline} as a primary itself` };
}

function requireSameCluster(dataDir: string, control: ControlFile, primary: PrimaryView): void {
  if (control.systemIdentifier === primary.systemIdentifier) return;
  throw new StepError(
    "permanent",
    "REBUILD_FOREIGN",
    `${dataDir} is of cluster ${control.systemIdentifier}, ${primary.node.name} of ${primary.systemIdentifier}`,
    { hint: "is `dataDir` of the node right in the inventory? Nothing was touched" },
  );
}

async function askHistory(session: Session, timeline: number) {
  const name = formatHistoryName(timeline);
  const rows = await session
    .query<{ text: string }>("select pg_catalog.pg_read_file($1) as text", [`pg_wal/${name}`])
    .catch(() => []);
  const text = rows[0]?.text;
  return text === undefined ? null : parseTimelineHistory(text, timeline);
}

/** Records end to end: where one begins at the fork, there is WAL that the new timeline does not have. */
async function goesPast(dataDir: string, control: ControlFile, timeline: number, forkLsn: bigint): Promise<boolean> {
  if (control.checkpointLsn >= forkLsn) return true;
  const layout = { segmentBytes: control.walSegmentBytes, blockBytes: 8192 };
  return isWalRecordAt(forkLsn, layout, (address) => readPage(dataDir, timeline, address, layout));
}

async function readPage(
  dataDir: string,
  timeline: number,
  address: bigint,
  { segmentBytes, blockBytes }: { readonly segmentBytes: number; readonly blockBytes: number },
): Promise<Uint8Array | null> {
  const segment = segmentOf(address, segmentBytes);
  const path = join(dataDir, "pg_wal", formatSegmentName(timeline, segment, segmentBytes));
  const file = await openPlainFile(path).catch(() => null);
  if (file === null) return null;
  try {
    const buffer = Buffer.alloc(blockBytes);
    const { bytesRead } = await file.read(buffer, 0, blockBytes, Number(address - segmentStart(segment, segmentBytes)));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
