import { parseLsn } from "../../../formats/postgres/lsn.ts";
import { parseTimelineHistory, type TimelineAncestor } from "../../../formats/postgres/timeline-history.ts";
import { formatHistoryName, parseWalFileName } from "../../../formats/postgres/wal-file-name.ts";
import type { TimelineChoice } from "../../../steps/ports/backup-source.ts";
import { HeldFolder } from "../held-folder.ts";
import { readPlainFile } from "../plain-file.ts";

/** A line for each promotion that a system ever had. */
const MAX_HISTORY_BYTES = 1024 * 1024;

export interface ReplayedTimeline {
  readonly timeline: number;
  /** File that said so. */
  readonly from: string;
}

/**
 * Timeline of the last replayed record. Neither function of the server says it while it recovers: `pg_walfile_name` refuses,
 * and `pg_control_checkpoint()` is as old as the last checkpoint. But the server follows the history files it fetched into
 * `pg_wal`: the timeline is that of the followed history at this position.
 */
export async function replayedTimeline(
  dataDir: string,
  lsn: string,
  choice: TimelineChoice,
  backupTimeline: number,
): Promise<ReplayedTimeline> {
  await using data = await HeldFolder.open(dataDir);
  await using wal = await data.folder("pg_wal");
  const followed = await followedTimeline(wal, choice, backupTimeline);
  const name = formatHistoryName(followed);
  const text = await readPlainFile(wal.path(name), MAX_HISTORY_BYTES).catch(() => null);
  if (text === null)
    return { timeline: followed, from: followed === backupTimeline ? "backup_label" : "recovery_target_timeline" };
  return {
    timeline: timelineAt(parseTimelineHistory(text.toString("utf8"), followed), followed, parseLsn(lsn)),
    from: `pg_wal/${name}`,
  };
}

/** A record that ends where a timeline was left still belongs to that timeline. */
export function timelineAt(ancestors: readonly TimelineAncestor[], followed: number, lsn: bigint): number {
  return ancestors.find((ancestor) => lsn <= ancestor.switchLsn)?.timeline ?? followed;
}

async function followedTimeline(wal: HeldFolder, choice: TimelineChoice, backupTimeline: number): Promise<number> {
  if (typeof choice === "number") return choice;
  if (choice === "current") return backupTimeline;
  const names = await wal.names();
  // Any segment size will do: a history file's name has none in it.
  const histories = names
    .map((name) => parseWalFileName(name, 0x100_0000))
    .filter((file) => file?.kind === "timeline-history");
  return Math.max(backupTimeline, ...histories.map(({ timeline }) => timeline));
}
