import { describe, expect, it } from "vitest";
import { diagnose, stuckBeforeOpen } from "../../../src/databases/postgres/recovery/diagnose.ts";
import { readReplayLog } from "../../../src/databases/postgres/recovery/replay-log.ts";
import { containing } from "../../support/pg-matchers.ts";

const at = (kind: string, text: string): string => `2026-11-21 01:41:50.061 UTC [11234] ${kind} ${text}\n`;
const start = at("postmaster", "LOG:  starting PostgreSQL 18.4 on x86_64");
const end = { code: 1, signal: null };

function told(log: string, target: Parameters<typeof diagnose>[2] = { kind: "latest" }): Record<string, unknown> {
  const { code, class: blame, message } = diagnose(readReplayLog(start + log), end, target, "0/5000000");
  return { code, blame, message };
}

describe("the log of a server in recovery", () => {
  it.each([
    ["FATAL:  WAL ends before end of online backup", "RECOVERY_WAL_INCOMPLETE", "subject"],
    ["FATAL:  WAL ends before consistent recovery point", "RECOVERY_WAL_INCOMPLETE", "subject"],
    [
      "FATAL:  requested recovery stop point is before consistent recovery point",
      "RECOVERY_TARGET_BEFORE_BACKUP",
      "subject",
    ],
    ["FATAL:  recovery aborted because of insufficient parameter settings", "RESTORE_SETTING_LOW", "permanent"],
    ['FATAL:  could not access file "timescaledb": No such file or directory', "RESTORE_LIBRARY", "permanent"],
    ["PANIC:  resource manager with ID 134 not registered", "RESTORE_LIBRARY", "permanent"],
    ["FATAL:  requested timeline 2 is not a child of this server's history", "RECOVERY_TIMELINE", "subject"],
    ["FATAL:  recovery target timeline 9 does not exist", "RECOVERY_TIMELINE", "subject"],
    ["PANIC:  could not locate a valid checkpoint record at 0/2000080", "RECOVERY_NO_CHECKPOINT", "subject"],
    ["FATAL:  could not locate required checkpoint record at 0/2000080", "RECOVERY_NO_CHECKPOINT", "subject"],
    ["FATAL:  could not find redo location referenced by checkpoint record", "RECOVERY_NO_CHECKPOINT", "subject"],
    ["FATAL:  database files are incompatible with server", "PG_BINARIES", "permanent"],
    [
      'FATAL:  could not restore file "000000010000000000000003" from archive: child process exited with exit code 127',
      "RESTORE_WAL_FEED",
      "permanent",
    ],
    ['FATAL:  unrecognized configuration parameter "nope"', "RESTORE_SETTING", "permanent"],
    ['FATAL:  invalid value for parameter "recovery_target_time": "x"', "RESTORE_SETTING", "permanent"],
    ['FATAL:  could not write to file "pg_wal/x": No space left on device', "RESTORE_DISK_FULL", "permanent"],
    ["FATAL:  could not map anonymous shared memory: Cannot allocate memory", "RESTORE_MEMORY", "permanent"],
    ["PANIC:  WAL contains references to invalid pages", "RECOVERY_DAMAGED", "subject"],
    ["FATAL:  something new", "RESTORE_SERVER", "permanent"],
  ])("%s is %s", (line, code, blame) => {
    expect(told(at("startup", line))).toMatchObject({
      code,
      blame,
      message: containing(line.replace(/^\w+:\s+/u, "")),
    });
  });

  it("says both positions when a target was not reached", () => {
    const log =
      at("startup", "LOG:  redo done at 0/4003268 system usage: CPU") +
      at("startup", "LOG:  last completed transaction was at log time 2026-11-21 01:41:49.761735+00") +
      at("startup", "FATAL:  recovery ended before configured recovery target was reached");
    expect(told(log, { kind: "name", name: "x" })).toEqual({
      code: "RECOVERY_TARGET_NOT_REACHED",
      blame: "subject",
      message:
        "the target name:x was not reached: the WAL ends at LSN 0/4003268, last transaction 2026-11-21 01:41:49.761735+00",
    });
  });

  it("does not take a refused client for the server's end", () => {
    const log =
      at("client backend", "FATAL:  the database system is starting up") +
      at("startup", "FATAL:  WAL ends before end of online backup");
    expect(told(log)).toMatchObject({ code: "RECOVERY_WAL_INCOMPLETE" });
  });

  it("does not take an earlier start for this one", () => {
    expect(told(at("startup", "FATAL:  WAL ends before end of online backup") + start)).toMatchObject({
      code: "RESTORE_SERVER_KILLED",
    });
  });

  it("names the process that was killed", () => {
    expect(told(at("postmaster", "LOG:  startup process (PID 77) was terminated by signal 9: Killed"))).toMatchObject({
      code: "RESTORE_SERVER_KILLED",
      blame: "transient",
      message: containing("startup process (PID 77) was terminated by signal 9: Killed"),
    });
  });

  it("sees a standby that waits for the WAL of its own backup", () => {
    const waits = at("startup", "LOG:  waiting for WAL to become available at 0/2000098");
    expect(stuckBeforeOpen(readReplayLog(start + waits))).toMatchObject({
      code: "RECOVERY_NO_CHECKPOINT",
      class: "subject",
    });
    const redo = at("startup", "LOG:  redo starts at 0/2000028");
    expect(stuckBeforeOpen(readReplayLog(start + redo + waits))).toMatchObject({
      code: "RECOVERY_WAL_INCOMPLETE",
      class: "subject",
    });
    const consistent = at("startup", "LOG:  consistent recovery state reached at 0/2000120");
    expect(stuckBeforeOpen(readReplayLog(start + redo + consistent + waits))).toBeNull();
  });

  it("is read in no time when a megabyte comes without a line break", () => {
    const began = performance.now();
    readReplayLog(start + "process (PID 1".repeat(70_000) + "x".repeat(1_000_000));
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
