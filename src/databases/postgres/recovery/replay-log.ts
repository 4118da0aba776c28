/** What the log of a server in recovery tells (xlogrecovery.c), read from its end part. */
export interface ReplayLog {
  /** First FATAL or PANIC of the server itself (not of a client's connection), with its DETAIL and HINT. */
  readonly fatal: string | null;
  /** End of the last replayed record: `redo done at 0/5000120`. */
  readonly redoDoneAt: string | null;
  /** `last completed transaction was at log time ...`, as written. */
  readonly lastTransaction: string | null;
  /** Why replay stopped where it did, when it was not a target: an invalid record, WAL of another system. */
  readonly stopReason: string | null;
  /** True when replay paused because a target was reached. */
  readonly pausedAtTarget: boolean;
  /** Replay paused because a setting is smaller than on the primary. */
  readonly settingTooSmall: string | null;
  /** True once the data is consistent: from then on the server can be asked. */
  readonly consistent: boolean;
  /** True once the first record is replayed: the backup's checkpoint was found. */
  readonly redoStarted: boolean;
  /** Position that a standby waits for, because neither archive nor pg_wal has it (servers from 15 on say so). */
  readonly waitsForWalAt: string | null;
  /** A process of the server that was killed. */
  readonly killed: string | null;
}

/** Backend types (`%b`) whose FATAL concerns a client, not the server. */
const CLIENTS = /\] (?:client backend|not initialized|walsender|background worker|parallel worker) /u;
const STOP_REASON =
  /(?:invalid (?:magic number|record length|record offset|resource manager ID|info bits|contrecord length|prev-link|page)|incorrect resource manager data checksum|record with (?:incorrect|invalid)|unexpected pageaddr|out-of-sequence (?:page address|timeline ID)|missing contrecord|there is no contrecord flag|WAL file is from different database system|archive file "[^"]+" has wrong size|record length .* too long|contrecord is requested)/u;

/** What a `restore_command` prints lands in the same log: a megabyte without a line break must not stop a pattern. */
const LONGEST_LINE = 4096;

/** Only the last start counts: a second attempt appends to the same log. */
export function readReplayLog(text: string): ReplayLog {
  const lines = text
    .slice(Math.max(0, text.lastIndexOf("starting PostgreSQL")))
    .split("\n")
    .map((line) => line.slice(0, LONGEST_LINE));
  return {
    fatal: fatalOf(lines),
    redoDoneAt: last(lines, /redo done at ([0-9A-F]+\/[0-9A-F]+)/u),
    lastTransaction: last(lines, /last completed transaction was at log time (.+)$/u),
    stopReason: messageOf(lines.findLast((line) => STOP_REASON.test(line))),
    pausedAtTarget: lines.some((line) => line.includes("pausing at the end of recovery")),
    settingTooSmall: settingTooSmall(lines),
    consistent: lines.some((line) => line.includes("consistent recovery state reached")),
    redoStarted: lines.some((line) => line.includes("redo starts at")),
    waitsForWalAt: last(lines, /waiting for WAL to become available at ([0-9A-F]+\/[0-9A-F]+)/u),
    killed: last(lines, /LOG:\s+(.{0,80}process \(PID \d+\) was terminated by signal .+)$/u),
  };
}

function fatalOf(lines: readonly string[]): string | null {
  const index = lines.findIndex((line) => /\b(?:FATAL|PANIC):\s/u.test(line) && !CLIENTS.test(line));
  if (index === -1) return null;
  const more = lines.slice(index + 1, index + 4).filter((line) => /\b(?:DETAIL|HINT):\s/u.test(line));
  return [lines[index], ...more].map(messageOf).join("; ");
}

/** `hot standby is not possible because of insufficient parameter settings`, then the DETAIL that names it. */
function settingTooSmall(lines: readonly string[]): string | null {
  const index = lines.findIndex((line) => line.includes("because of insufficient parameter settings"));
  return index === -1
    ? null
    : (messageOf(lines.slice(index, index + 3).find((line) => /\bDETAIL:/u.test(line))) ?? messageOf(lines[index]));
}

function last(lines: readonly string[], pattern: RegExp): string | null {
  const line = lines.findLast((candidate) => pattern.test(candidate));
  return line === undefined ? null : (pattern.exec(line)?.[1] ?? null);
}

/** The line without time, pid and severity. */
function messageOf(line: string | undefined): string | null {
  return line === undefined ? null : line.replace(/^.*?\b(?:LOG|WARNING|FATAL|PANIC|DETAIL|HINT):\s+/u, "");
}
