import { basename } from "node:path";
import type { BackupRef } from "../../drills/backup-ref.ts";
import { formatLsn } from "../../formats/postgres/lsn.ts";
import type { Anatomy } from "./anatomy.ts";
import { readPlainTree } from "./plain-tree.ts";
import { subjectError } from "./subject-error.ts";
import { chooseTimeline } from "./timelines.ts";
import {
  type ArchiveFolder,
  backupHistory,
  backupWal,
  firstHeader,
  segmentBytesOf,
  timelineHistories,
} from "./wal-context.ts";
import { followWal } from "./wal-continuity.ts";
import type { WalIndex } from "./wal-index.ts";

/** All that is known of a backup without reading its data. */
export async function describeBackup(
  anatomy: Anatomy,
  walPath: string | null,
  archive: ArchiveFolder,
  signal: AbortSignal,
): Promise<BackupRef> {
  const walSegmentBytes = await segmentBytesOf(anatomy, archive, signal);
  const index: WalIndex = {
    archive: await archive(walSegmentBytes),
    backup: await backupWal(anatomy, walSegmentBytes, false, signal),
  };
  const identity = await identify(anatomy, archive, walSegmentBytes, signal);
  const times = await readTimes(anatomy, index, signal);
  const extent = await measureExtent(anatomy, signal);
  const { label, manifest, tar } = anatomy;
  const stopLsn = times.stopLsn === null ? null : formatLsn(times.stopLsn);
  return {
    source: "directory",
    id: basename(anatomy.path),
    path: anatomy.path,
    walPath,
    format: tar === null ? "plain" : "tar",
    compression: tar?.base.compression ?? "none",
    ...identity,
    label: label.label,
    startLsn: formatLsn(label.startLsn),
    stopLsn,
    timeline: label.timeline,
    startedWallUs: times.startedWallUs,
    endedWallUs: times.endedWallUs,
    timeFrom: times.from,
    ...extent,
    manifestSha256: manifest?.sha256 ?? null,
    walSegmentBytes,
    ...(await archiveEnd(anatomy, index, walSegmentBytes, times.stopLsn, signal)),
    tablespaces: tablespacesOf(anatomy),
  };
}

/** Major and system: from PG_VERSION, pg_control and the manifest, else from the WAL the backup begins in. */
async function identify(
  anatomy: Anatomy,
  archive: ArchiveFolder,
  segmentBytes: number,
  signal: AbortSignal,
): Promise<Pick<BackupRef, "major" | "systemIdentifier">> {
  const systemIdentifier = anatomy.control?.systemIdentifier ?? anatomy.manifest?.systemIdentifier ?? null;
  const major = anatomy.major ?? anatomy.control?.major ?? null;
  if (major !== null && systemIdentifier !== null) return { major, systemIdentifier };
  const header = await firstHeader(anatomy, archive, segmentBytes, signal);
  const found = major ?? header?.major ?? null;
  if (found === null) {
    throw subjectError({
      code: "BACKUP_VERSION_UNKNOWN",
      message: `${anatomy.path}: neither PG_VERSION nor WAL says which PostgreSQL wrote it`,
      hint: "Keep the WAL archive beside a compressed tar backup, or name it with `wal:`.",
    });
  }
  return { major: found, systemIdentifier: systemIdentifier ?? header?.systemIdentifier ?? null };
}

interface Times {
  readonly stopLsn: bigint | null;
  readonly startedWallUs: number | null;
  readonly endedWallUs: number | null;
  readonly from: string;
}

/** The history file's STOP TIME is exact; the newest time in the manifest is a lower bound of the end. */
async function readTimes(anatomy: Anatomy, index: WalIndex, signal: AbortSignal): Promise<Times> {
  const { label, manifest } = anatomy;
  const own = await backupHistory(anatomy, index, signal);
  const ranges = manifest?.walRanges ?? [];
  const rangeEnd = ranges.reduce<bigint | null>(
    (end, range) => (end === null || range.endLsn > end ? range.endLsn : end),
    null,
  );
  if (own !== undefined) {
    const { history } = own;
    return {
      stopLsn: history.stopLsn,
      startedWallUs: history.startedWallUs ?? label.startedWallUs,
      endedWallUs: history.endedWallUs,
      from: own.file.name,
    };
  }
  const newest = manifest?.files.reduce<number | null>(
    (time, file) =>
      file.modifiedWallUs !== null && (time === null || file.modifiedWallUs > time) ? file.modifiedWallUs : time,
    null,
  );
  const from =
    newest === undefined || newest === null
      ? "backup_label"
      : "backup_label; end: newest Last-Modified of backup_manifest (not before)";
  return { stopLsn: rangeEnd, startedWallUs: label.startedWallUs, endedWallUs: newest ?? null, from };
}

/** Size after restoring: from the manifest, else from the files; for compressed archives without one, of the archives. */
async function measureExtent(anatomy: Anatomy, signal: AbortSignal): Promise<Pick<BackupRef, "sizeBytes" | "files">> {
  const { manifest, tar } = anatomy;
  if (manifest !== null)
    return { sizeBytes: manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0), files: manifest.files.length };
  if (tar !== null) {
    const parts = [tar.base, ...(tar.wal === null ? [] : [tar.wal]), ...tar.tablespaces.values()];
    return { sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0), files: parts.length };
  }
  const tree = await readPlainTree(anatomy.path, new Map(), signal);
  return { sizeBytes: tree.files.reduce((sum, file) => sum + file.sizeBytes, 0), files: tree.files.length };
}

/** End of the last segment that continues the backup, on the timeline `latest` would choose (else the backup's own). */
async function archiveEnd(
  anatomy: Anatomy,
  index: WalIndex,
  segmentBytes: number,
  stopLsn: bigint | null,
  signal: AbortSignal,
): Promise<Pick<BackupRef, "archiveEndLsn" | "archiveEndTimeline">> {
  const { label } = anatomy;
  const question = {
    backupTimeline: label.timeline,
    startLsn: label.startLsn,
    stopLsn,
    histories: await timelineHistories(index, signal),
  };
  const latest = chooseTimeline({ ...question, choice: "latest" });
  const decision = latest.kind === "path" ? latest : chooseTimeline({ ...question, choice: "current" });
  if (decision.kind !== "path") return { archiveEndLsn: null, archiveEndTimeline: null };
  const has = (name: string): boolean => index.archive.segments.has(name) || index.backup.segments.has(name);
  const wal = followWal({
    startLsn: label.startLsn,
    segmentBytes,
    path: decision.path,
    untilLsn: null,
    has,
    names: [],
  });
  if (wal.chain.length === 0) return { archiveEndLsn: null, archiveEndTimeline: null };
  return { archiveEndLsn: formatLsn(wal.endLsn), archiveEndTimeline: wal.endTimeline };
}

function tablespacesOf(anatomy: Anatomy): BackupRef["tablespaces"] {
  const known = new Map(anatomy.tablespaces.map(({ oid, path }) => [oid, path]));
  for (const oid of anatomy.tar?.tablespaces.keys() ?? []) if (!known.has(oid)) known.set(oid, "");
  return [...known].map(([oid, path]) => ({ oid, path }));
}
