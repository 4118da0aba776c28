import { closeSync, readSync } from "node:fs";
import type { BackupRef } from "../../drills/backup-ref.ts";
import { parseWalFileName } from "../../formats/postgres/wal-file-name.ts";
import { WAL_HEADER_BYTES } from "../../formats/postgres/wal-page-header.ts";
import { headerProblem, segmentSize } from "./check-segments.ts";
import { writeWhole } from "./copy-file.ts";
import type { SpoolFolder } from "./spool-folder.ts";
import { subjectError } from "./subject-error.ts";
import type { WalFile } from "./wal-index.ts";
import { readWal } from "./wal-read.ts";

/**
 * Copies one WAL file into the spool, decompressing and checking it on the way; it is ready when this returns.
 * Throws `WAL_SEGMENT_SIZE`, `WAL_SEGMENT_DAMAGED`, `WAL_FOREIGN_SYSTEM`, `BACKUP_COMPRESSION`.
 */
export async function stageWal(
  file: WalFile,
  spool: SpoolFolder,
  backup: BackupRef,
  signal: AbortSignal,
): Promise<number> {
  const parsed = parseWalFileName(file.name, backup.walSegmentBytes);
  const isSegment = parsed?.kind === "segment";
  const fd = spool.receive(file.name);
  try {
    let bytes = 0;
    for await (const chunk of readWal(file, signal)) {
      bytes += chunk.length;
      if (isSegment && bytes > backup.walSegmentBytes) break;
      writeWhole(fd, chunk);
    }
    if (isSegment) {
      if (bytes !== backup.walSegmentBytes) throw subjectError(segmentSize(file.path, backup.walSegmentBytes, bytes));
      const head = Buffer.alloc(WAL_HEADER_BYTES);
      readSync(fd, head, 0, WAL_HEADER_BYTES, 0);
      const problem = headerProblem(head, file.path, parsed, backup);
      if (problem !== undefined) throw subjectError(problem);
    }
    spool.publish(file.name);
    return bytes;
  } catch (error) {
    spool.discard(file.name, "incoming");
    throw error;
  } finally {
    closeSync(fd);
  }
}
