import type { BackupRef } from "../../drills/backup-ref.ts";
import { parseLsn } from "../../formats/postgres/lsn.ts";
import { checkSegmentHeader, WAL_HEADER_BYTES } from "../../formats/postgres/wal-page-header.ts";
import type { BackupProblem } from "../../steps/ports/backup-source.ts";
import { problemOf } from "./subject-error.ts";
import { chooseCopy } from "./wal-context.ts";
import type { ChainSegment } from "./wal-continuity.ts";
import type { WalFile, WalIndex } from "./wal-index.ts";
import { readWalHead } from "./wal-read.ts";

/** Headers read at the same time: enough to hide the latency of a network disk. */
const PARALLEL = 8;

/** Sizes and first pages of the segments that will be replayed. */
export async function checkSegments(
  chain: readonly ChainSegment[],
  index: WalIndex,
  backup: BackupRef,
  signal: AbortSignal,
): Promise<readonly BackupProblem[]> {
  const problems: (BackupProblem | undefined)[] = [];
  const queue = chain.entries();
  const work = async (): Promise<void> => {
    for (const [position, link] of queue) {
      signal.throwIfAborted();
      const file = chooseCopy(
        index,
        link.name,
        backup.stopLsn === null ? null : parseLsn(backup.stopLsn),
        backup.timeline,
        backup.walSegmentBytes,
      );
      if (file !== undefined) problems[position] = await checkSegment(file, link, backup, signal);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return problems.filter((problem) => problem !== undefined);
}

async function checkSegment(
  file: WalFile,
  link: ChainSegment,
  backup: BackupRef,
  signal: AbortSignal,
): Promise<BackupProblem | undefined> {
  const size = sizeProblem(file, backup.walSegmentBytes);
  if (size !== undefined) return size;
  try {
    return headerProblem(await readWalHead(file, WAL_HEADER_BYTES, signal), file.path, link, backup);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    return problem;
  }
}

function sizeProblem(file: WalFile, segmentBytes: number): BackupProblem | undefined {
  if (file.sizeBytes === 0)
    return {
      code: "WAL_SEGMENT_EMPTY",
      message: `${file.path} has no bytes`,
      hint: "The archive lost it: archive it again, or take a new backup.",
    };
  if (file.compression !== "none" || file.sizeBytes === segmentBytes) return undefined;
  return segmentSize(file.path, segmentBytes, file.sizeBytes);
}

export function segmentSize(path: string, expected: number, seen: number): BackupProblem {
  return {
    code: "WAL_SEGMENT_SIZE",
    message: `${path} has ${seen} bytes, a segment has ${expected}`,
    hint: "The segment was not archived whole: archive_command must copy to a temporary name and rename.",
  };
}

/** Does the first page belong to the segment that the name promises, and to the backup's system? */
export function headerProblem(
  head: Buffer,
  path: string,
  link: Omit<ChainSegment, "name">,
  backup: Pick<BackupRef, "walSegmentBytes" | "systemIdentifier" | "id">,
): BackupProblem | undefined {
  const fault = checkSegmentHeader(head, {
    timeline: link.timeline,
    segment: link.segment,
    segmentBytes: backup.walSegmentBytes,
    systemIdentifier: backup.systemIdentifier,
  });
  if (fault === undefined) return undefined;
  if (fault.kind === "damaged")
    return {
      code: "WAL_SEGMENT_DAMAGED",
      message: `${path} ${fault.reason}`,
      hint: "Archive the segment again, or take a new backup.",
    };
  return {
    code: "WAL_FOREIGN_SYSTEM",
    message: `${path} is WAL of system ${fault.seen}, backup ${backup.id} is of system ${fault.expected}`,
    hint: "Backup and archive belong to different clusters: check `path:` and `wal:` in the inventory.",
  };
}
