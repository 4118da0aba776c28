import { readFields } from "./backup-label.ts";
import { FormatError } from "./format-error.ts";
import { parseLogTime } from "./log-time.ts";
import { parseLsn } from "./lsn.ts";

/** `<segment>.<offset>.backup` in a WAL archive: when and where a base backup ended. */
export interface BackupHistoryFile {
  readonly startLsn: bigint;
  readonly stopLsn: bigint;
  readonly startTimeText: string | null;
  readonly startedWallUs: number | null;
  readonly stopTimeText: string | null;
  readonly endedWallUs: number | null;
  readonly stopTimeline: number | null;
  readonly label: string | null;
}

/** Throws `BACKUP_HISTORY_SYNTAX`. */
export function parseBackupHistoryFile(text: string): BackupHistoryFile {
  const fields = readFields(text);
  const startText = fields.get("START TIME") ?? null;
  const stopText = fields.get("STOP TIME") ?? null;
  const stopTimeline = fields.get("STOP TIMELINE");
  return {
    startLsn: location(fields.get("START WAL LOCATION"), "START WAL LOCATION"),
    stopLsn: location(fields.get("STOP WAL LOCATION"), "STOP WAL LOCATION"),
    startTimeText: startText,
    startedWallUs: startText === null ? null : parseLogTime(startText),
    stopTimeText: stopText,
    endedWallUs: stopText === null ? null : parseLogTime(stopText),
    stopTimeline: stopTimeline !== undefined && /^\d{1,10}$/u.test(stopTimeline) ? Number(stopTimeline) : null,
    label: fields.get("LABEL") ?? null,
  };
}

function location(text: string | undefined, field: string): bigint {
  const match = /^([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/u.exec(text ?? "");
  if (match?.[1] === undefined) throw new FormatError("BACKUP_HISTORY_SYNTAX", `backup history file has no ${field}`);
  return parseLsn(match[1]);
}
