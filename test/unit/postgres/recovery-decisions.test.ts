import { describe, expect, it } from "vitest";
import {
  requireExpected,
  requireTargetAfterBackup,
  wallUsOf,
} from "../../../src/databases/postgres/recovery/recovery-point.ts";
import { timelineAt } from "../../../src/databases/postgres/recovery/replayed-timeline.ts";
import {
  primarySettings,
  requireFenceFor,
  RESERVED_SETTINGS,
  SAFE_PROFILE,
  safeProfile,
} from "../../../src/databases/postgres/recovery/safe-profile.ts";
import {
  configFile,
  replaySettings,
  serverTime,
  signalFile,
  targetSettings,
} from "../../../src/databases/postgres/recovery/server-config.ts";
import type { RecoveryPoint } from "../../../src/drills/facts.ts";
import { parseRecoveryTarget } from "../../../src/drills/recovery-target.ts";
import { StepError } from "../../../src/drills/step-error.ts";
import type { RecoverRequest } from "../../../src/steps/ports/postgres.ts";

const SEGMENT = 16 * 1024 * 1024;

interface Given {
  readonly until?: string;
  readonly stopLsn?: string | null;
  readonly endedWallUs?: number | null;
  readonly expectedLsn?: string | null;
  readonly archiveEndTimeline?: number | null;
}

function request({
  until = "latest",
  stopLsn = "0/2000120",
  endedWallUs = null,
  expectedLsn = null,
  archiveEndTimeline = null,
}: Given): RecoverRequest {
  const backup = {
    stopLsn,
    endedWallUs,
    startedWallUs: null,
    walSegmentBytes: SEGMENT,
    archiveEndTimeline,
    timeFrom: "backup_manifest",
  };
  // Test data: only the fields that decide.
  return { target: parseRecoveryTarget(until), timeline: "latest", backup, expectedLsn } as unknown as RecoverRequest;
}

function codeOf(run: () => void): string {
  try {
    run();
    return "fine";
  } catch (error) {
    return error instanceof StepError ? `${error.class} ${error.code}` : String(error);
  }
}

const reached = (lsn: string, timeline = 1): RecoveryPoint => ({
  kind: "recovery_point",
  target: "",
  lsn,
  timeline,
  commitWallUs: null,
  expectedLsn: null,
  from: { lsn: "", timeline: "", commitTime: "" },
});
const SHORT = "subject RECOVERY_POINT_SHORT";

describe("what was reached is compared with what there is", () => {
  it.each([
    ["end of the archive, exactly", "0/5000000", "fine"],
    ["somewhere in its last segment, whose tail is empty", "0/4000060", "fine"],
    ["the last byte before the last segment", "0/3FFFFF8", SHORT],
    ["the start of the last segment: none of it was replayed", "0/4000000", SHORT],
    ["a segment earlier", "0/3000120", SHORT],
  ])("latest, at the %s", (_, lsn, expected) => {
    expect(codeOf(() => requireExpected(request({ expectedLsn: "0/5000000" }), reached(lsn), null))).toBe(expected);
  });

  it("the end of the backup must be behind us, whatever the target", () => {
    for (const until of ["latest", "immediate", "name:x"])
      expect(codeOf(() => requireExpected(request({ until }), reached("0/2000100"), null))).toBe(SHORT);
  });

  it("an archive on a newer timeline must have been followed", () => {
    expect(codeOf(() => requireExpected(request({ archiveEndTimeline: 2 }), reached("0/5000000", 1), null))).toBe(
      SHORT,
    );
    expect(codeOf(() => requireExpected(request({ archiveEndTimeline: 2 }), reached("0/5000000", 2), null))).toBe(
      "fine",
    );
  });

  it("tells the server's own reason", () => {
    expect(() =>
      requireExpected(request({ expectedLsn: "0/5000000" }), reached("0/3000000"), "invalid magic number 0000"),
    ).toThrow("(invalid magic number 0000)");
  });
});

describe("a target before the backup's end is refused before anything starts", () => {
  const endedWallUs = Date.parse("2026-11-21T03:00:00Z") * 1000;

  it.each([
    ["2026-11-21T02:59:59Z", "subject RECOVERY_TARGET_BEFORE_BACKUP"],
    ["2026-11-21T03:59:59+01:00", "subject RECOVERY_TARGET_BEFORE_BACKUP"],
    ["2026-11-21T03:00:00Z", "fine"],
    ["0/2000100", "subject RECOVERY_TARGET_BEFORE_BACKUP"],
    ["0/2000120", "fine"],
    ["latest", "fine"],
  ])("%s", (until, expected) => {
    expect(codeOf(() => requireTargetAfterBackup(request({ until, endedWallUs })))).toBe(expected);
  });
});

describe("settings of the restored server", () => {
  it("keep microseconds of a target time", () => {
    expect(serverTime(Date.parse("2026-11-21T03:00:00Z") * 1000 + 123_456)).toBe("2026-11-21 03:00:00.123456+00");
    expect(serverTime(-1)).toBe("1969-12-31 23:59:59.999999+00");
  });

  it("name one target at most, and always pause at it", () => {
    for (const until of ["immediate", "2026-11-21T03:00:00Z", "0/5000000", "name:it's"]) {
      const target = parseRecoveryTarget(until);
      if (target === undefined) throw new Error(until);
      const settings = targetSettings(target, "latest");
      expect(settings["recovery_target_action"]).toBe("pause");
      expect(Object.keys(settings).filter((name) => /^recovery_target(?:_time|_lsn|_name)?$/u.test(name))).toHaveLength(
        1,
      );
    }
    expect(targetSettings({ kind: "latest" }, 3)).toEqual({ recovery_target_timeline: "3" });
  });

  it("cannot be broken out of", () => {
    expect(configFile({ restore_command: "a 'b' \\ %f" })).toContain("restore_command = 'a ''b'' \\\\ %f'\n");
  });

  it("are at least the source's where replay demands it", () => {
    const control = {
      maxConnections: 100,
      maxWorkerProcesses: 8,
      maxWalSenders: 10,
      maxPreparedXacts: 0,
      maxLocksPerXact: 64,
    };
    // Test data: only these five are read.
    const settings = primarySettings(control as never, { max_connections: "500", max_wal_senders: "2" });
    expect(settings).toEqual({
      max_connections: "500",
      max_worker_processes: "8",
      max_wal_senders: "10",
      max_prepared_transactions: "0",
      max_locks_per_transaction: "64",
    });
  });

  it("give the server an eighth of the memory, at most 1 GiB", () => {
    expect(replaySettings(2 ** 31)["shared_buffers"]).toBe("256MB");
    expect(replaySettings(2 ** 40)["shared_buffers"]).toBe("1024MB");
  });

  it("switch known schedulers off when their library is preloaded", () => {
    expect(safeProfile([], 16)).toEqual({ ...SAFE_PROFILE, shared_preload_libraries: "" });
    expect(safeProfile(["pg_cron", "auto_explain"], 16)).toMatchObject({
      "cron.launch_active_jobs": "off",
      shared_preload_libraries: "pg_cron,auto_explain",
    });
  });

  it("keep login triggers of the backup silent where a server has them", () => {
    expect(safeProfile([], 17)).toEqual({ ...SAFE_PROFILE, event_triggers: "off", shared_preload_libraries: "" });
    expect(RESERVED_SETTINGS.has("event_triggers")).toBe(true);
  });

  it("refuse a library that reaches other systems, unless no packet leaves", () => {
    expect(() => requireFenceFor(["auto_explain", "pg_cron"], "settings")).not.toThrow();
    expect(() => requireFenceFor(["pglogical"], "network-namespace")).not.toThrow();
    expect(() => requireFenceFor(["auto_explain", "pglogical", "pg_net"], "settings")).toThrow(
      expect.objectContaining({
        code: "RESTORE_PRELOAD",
        class: "permanent",
        message: expect.stringMatching(/^pglogical, pg_net would reach other systems/u) as unknown,
      }),
    );
  });

  it("of the profile cannot be set by a playbook", () => {
    for (const name of [
      ...Object.keys(SAFE_PROFILE),
      "fsync",
      "restore_command",
      "cron.launch_active_jobs",
      "listen_addresses",
    ])
      expect(RESERVED_SETTINGS.has(name)).toBe(true);
  });

  it("recover latest as a standby only where its log says that it waits", () => {
    expect(signalFile({ target: { kind: "latest" }, finish: "promote" }, true)).toBe("standby.signal");
    expect(signalFile({ target: { kind: "latest" }, finish: "promote" }, false)).toBe("recovery.signal");
    expect(signalFile({ target: { kind: "immediate" }, finish: "pause" }, true)).toBe("recovery.signal");
  });
});

describe("the timeline of a position", () => {
  const ancestors = [
    { timeline: 1, switchLsn: 0x300_0000n, reason: "" },
    { timeline: 2, switchLsn: 0x500_0000n, reason: "" },
  ];

  it.each([
    [0x200_0000n, 1],
    [0x300_0000n, 1],
    [0x300_0001n, 2],
    [0x500_0001n, 3],
  ])("%s is on %s", (lsn, timeline) => {
    expect(timelineAt(ancestors, 3, lsn)).toBe(timeline);
  });
});

describe("the time of the last commit", () => {
  it("is read to the microsecond", () => {
    expect(wallUsOf("2026-11-21 03:00:00.000123+00")).toBe(Date.UTC(2026, 10, 21, 3) * 1000 + 123);
    expect(wallUsOf("2026-11-21 03:00:00.5+00")).toBe(Date.UTC(2026, 10, 21, 3) * 1000 + 500_000);
    expect(wallUsOf("1999-12-31 23:59:59+00")).toBe(Date.UTC(1999, 11, 31, 23, 59, 59) * 1000);
  });

  it("is not guessed from another way to write it", () => {
    for (const text of ["21.11.2026 03:00:00+00", "2026-11-21 03:00:00+01", "infinity", ""])
      expect(() => wallUsOf(text)).toThrow(expect.objectContaining({ code: "RESTORE_SERVER" }));
  });
});
