import { FormatError } from "./format-error.ts";
import { parseLogTime } from "./log-time.ts";
import { parseLsn } from "./lsn.ts";

/** `backup_label`: where recovery of a base backup begins (manual: 25.3.4, xlogbackup.c build_backup_content). */
export interface BackupLabel {
  readonly startLsn: bigint;
  /** Name of the segment that holds `startLsn`. */
  readonly startSegment: string;
  readonly checkpointLsn: bigint;
  readonly timeline: number;
  /** As written, with the zone. */
  readonly startTimeText: string | null;
  readonly startedWallUs: number | null;
  readonly label: string | null;
  /** `streamed` (pg_basebackup) or `pg_start_backup` (low-level API). */
  readonly method: string | null;
  readonly from: "primary" | "standby" | null;
  /** Set by an incremental backup (PostgreSQL 17 and later): it needs its predecessors and `pg_combinebackup`. */
  readonly incrementalFromLsn: bigint | null;
}

const START = /^([0-9A-Fa-f]+\/[0-9A-Fa-f]+) \(file ([0-9A-F]{24})\)$/u;

/** Throws `BACKUP_LABEL_SYNTAX`. */
export function parseBackupLabel(text: string): BackupLabel {
  const fields = readFields(text);
  const start = START.exec(fields.get("START WAL LOCATION") ?? "");
  const checkpoint = fields.get("CHECKPOINT LOCATION");
  if (start === null || checkpoint === undefined) {
    throw new FormatError("BACKUP_LABEL_SYNTAX", "backup_label has no START WAL LOCATION or no CHECKPOINT LOCATION");
  }
  const [, startLsn = "", startSegment = ""] = start;
  const timeText = fields.get("START TIME") ?? null;
  return {
    startLsn: parseLsn(startLsn),
    startSegment,
    checkpointLsn: parseLsn(checkpoint),
    timeline: timelineOf(fields.get("START TIMELINE"), startSegment),
    startTimeText: timeText,
    startedWallUs: timeText === null ? null : parseLogTime(timeText),
    label: fields.get("LABEL") ?? null,
    method: fields.get("BACKUP METHOD") ?? null,
    from: origin(fields.get("BACKUP FROM")),
    incrementalFromLsn: optionalLsn(fields.get("INCREMENTAL FROM LSN")),
  };
}

/** `KEY: value` per line; the first line of a key wins, so that a label text with line breaks cannot override. */
export function readFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0 && !fields.has(line.slice(0, colon)))
      fields.set(line.slice(0, colon), line.slice(colon + 2).trimEnd());
  }
  return fields;
}

function timelineOf(written: string | undefined, segment: string): number {
  return written !== undefined && /^\d{1,10}$/u.test(written)
    ? Number(written)
    : Number.parseInt(segment.slice(0, 8), 16);
}

function optionalLsn(text: string | undefined): bigint | null {
  return text === undefined ? null : parseLsn(text);
}

function origin(text: string | undefined): BackupLabel["from"] {
  return text === "primary" || text === "standby" ? text : null;
}
