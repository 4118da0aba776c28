import type { ControlFile } from "../../formats/postgres/control-file.ts";
import { parseBackupHistoryFile, type BackupHistoryFile } from "../../formats/postgres/backup-history-file.ts";
import { parseTimelineHistory, type TimelineAncestor } from "../../formats/postgres/timeline-history.ts";
import { formatSegmentName, isSegmentSize, segmentOf } from "../../formats/postgres/wal-file-name.ts";
import { readWalPageHeader, WAL_HEADER_BYTES, type WalPageHeader } from "../../formats/postgres/wal-page-header.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Anatomy } from "./anatomy.ts";
import { EMPTY_FOLDER, indexWalFolder, indexWalTar, type WalFile, type WalFolder, type WalIndex } from "./wal-index.ts";
import { readWalHead, readWalText } from "./wal-read.ts";

export const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;
const HISTORY_MAX_BYTES = 1024 * 1024;

/** Archives are listed once per call and shared by all backups of a location. */
export type ArchiveFolder = (segmentBytes: number) => Promise<WalFolder>;

export function archiveFolder(walPath: string | null, signal: AbortSignal): ArchiveFolder {
  const known = new Map<number, Promise<WalFolder>>();
  return (segmentBytes) => {
    const listed =
      known.get(segmentBytes) ??
      (walPath === null ? Promise.resolve(EMPTY_FOLDER) : indexWalFolder(walPath, "archive", segmentBytes, signal));
    known.set(segmentBytes, listed);
    return listed;
  };
}

/** WAL that the backup carries itself. A compressed `base.tar` is read for it only where `readWhole` says so. */
export async function backupWal(
  anatomy: Anatomy,
  segmentBytes: number,
  readWhole: boolean,
  signal: AbortSignal,
): Promise<WalFolder> {
  const { tar } = anatomy;
  if (tar === null) {
    const folder = join(anatomy.path, "pg_wal");
    return existsSync(folder) ? await indexWalFolder(folder, "backup", segmentBytes, signal) : EMPTY_FOLDER;
  }
  if (tar.wal !== null) return await indexWalTar(tar.wal, "", segmentBytes, signal);
  if (tar.base.compression === "none" || readWhole) return await indexWalTar(tar.base, "pg_wal/", segmentBytes, signal);
  return EMPTY_FOLDER;
}

/** From pg_control, else from the first page of WAL, else the default of initdb. */
export async function segmentBytesOf(anatomy: Anatomy, archive: ArchiveFolder, signal: AbortSignal): Promise<number> {
  const control: ControlFile | null = anatomy.control;
  if (control !== null) return control.walSegmentBytes;
  const header = await firstHeader(anatomy, archive, DEFAULT_SEGMENT_BYTES, signal);
  return header !== undefined && isSegmentSize(header.segmentBytes) ? header.segmentBytes : DEFAULT_SEGMENT_BYTES;
}

/** First page of the segment the backup starts in: the backup's own copy, else the archive's. */
export async function firstHeader(
  anatomy: Anatomy,
  archive: ArchiveFolder,
  segmentBytes: number,
  signal: AbortSignal,
): Promise<WalPageHeader | undefined> {
  const name = anatomy.label.startSegment;
  const own = (await backupWal(anatomy, segmentBytes, false, signal)).segments.get(name);
  const file = own ?? (await archive(segmentBytes)).segments.get(name);
  if (file === undefined) return undefined;
  const reading = readWalPageHeader(await readWalHead(file, WAL_HEADER_BYTES, signal));
  return reading.kind === "header" ? reading.header : undefined;
}

/** The backup's own history file in the archive: it says when and where the backup ended. */
export async function backupHistory(
  anatomy: Anatomy,
  index: WalIndex,
  signal: AbortSignal,
): Promise<{ readonly file: WalFile; readonly history: BackupHistoryFile } | undefined> {
  for (const file of [...index.archive.backupHistories, ...index.backup.backupHistories]) {
    if (!file.name.startsWith(anatomy.label.startSegment)) continue;
    const history = parseBackupHistoryFile(await readWalText(file, HISTORY_MAX_BYTES, signal));
    if (history.startLsn === anatomy.label.startLsn) return { file, history };
  }
  return undefined;
}

/** Ancestors of every timeline that has a history file. Throws `TIMELINE_HISTORY_SYNTAX`. */
export async function timelineHistories(
  index: WalIndex,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, readonly TimelineAncestor[]>> {
  const histories = new Map<number, readonly TimelineAncestor[]>();
  for (const [timeline, file] of [...index.backup.histories, ...index.archive.histories]) {
    histories.set(timeline, parseTimelineHistory(await readWalText(file, HISTORY_MAX_BYTES, signal), timeline));
  }
  return histories;
}

/**
 * Which copy of a segment counts. Before the segment in which the backup stopped both are the same, and the backup's
 * own needs no copy; from there on the archive's is whole, while the backup's own may be padded with zeros.
 */
export function chooseCopy(
  index: WalIndex,
  name: string,
  stopLsn: bigint | null,
  timeline: number,
  segmentBytes: number,
): WalFile | undefined {
  const own = index.backup.segments.get(name);
  const archived = index.archive.segments.get(name);
  if (own === undefined || archived === undefined) return own ?? archived;
  const isBeforeStop =
    stopLsn !== null && name < formatSegmentName(timeline, segmentOf(stopLsn, segmentBytes), segmentBytes);
  return isBeforeStop ? own : archived;
}
