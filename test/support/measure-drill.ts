import type { Fact, NewestSurvivor, RecoveryPoint } from "../../src/drills/facts.ts";
import { JournalBuilder } from "./measure-journal.ts";

/**
 * The drill most tests change in one place. By hand, in milliseconds after the first record:
 * T0 2,000; recover phase 2,000; sandbox to 3,000; restore to 11,000 (T4, T5 at 10,990); rows to 14,000 = T6.
 * So rta_total is 12,000 and rta_technical 12,000; the newest beat is 5,200 before T0.
 */
export function begun(mode: "real" | "simulated" = "real"): JournalBuilder {
  return new JournalBuilder().start(mode);
}

export function prepared(journal = begun()): JournalBuilder {
  return journal.phase("prepare").begin("backup").after(2000).fact("backup", recoverySource(journal)).succeed("backup");
}

export function declared(journal = prepared()): JournalBuilder {
  return journal.phase("disaster").begin("declare").mark("T0", { note: "declared" }).succeed("declare");
}

/** Recovery up to the point where the restore step begins. */
export function sandboxed(journal = declared()): JournalBuilder {
  return journal.phase("recover").begin("sandbox").resource("sb-1").after(1000).succeed("sandbox");
}

export function recovered(journal = sandboxed()): JournalBuilder {
  const t0 = journal.records.find((record) => record.type === "mark")?.wallUs ?? journal.wallUs;
  journal
    .begin("restore")
    .after(7990)
    .mark("T4", { source: "prober", resolutionUs: 5000 })
    .mark("T5", { source: "prober", resolutionUs: 5000 });
  return journal.after(10).fact("restore", recoveryPoint(t0)).fact("restore", server("production")).succeed("restore");
}

export function verified(journal = recovered()): JournalBuilder {
  const t0 = journal.records.find((record) => record.type === "mark")?.wallUs ?? journal.wallUs;
  return journal
    .phase("verify")
    .begin("rows")
    .after(3000)
    .fact("rows", heartbeat(t0))
    .add({
      type: "step.succeeded",
      data: {
        step: "rows",
        attempt: 1,
        outputs: {},
        check: { title: "Orders are there", expected: "> 0", actual: "2000000", coverage: null },
      },
    });
}

export function complete(journal = verified()): JournalBuilder {
  return journal.pass("amcheck", 500).cleanup("sb-1");
}

export function recoverySource(journal: JournalBuilder): Fact {
  return {
    kind: "recovery_source",
    tool: "pg_basebackup",
    backupId: "2026-11-21T02",
    path: "/backups/base/2026-11-21T02",
    format: "plain",
    startedWallUs: journal.wallUs - 3_600_000_000,
    endedWallUs: journal.wallUs - 3_500_000_000,
    timeFrom: "backup_manifest",
    startLsn: "0/2000028",
    stopLsn: "0/2000100",
    timeline: 1,
    systemIdentifier: "7300000000000000001",
    sizeBytes: 523_000_000,
    files: 1290,
    manifestSha256: "d".repeat(64),
    selection: "newest",
    archiveEndLsn: "0/9000000",
  };
}

export function recoveryPoint(t0WallUs: number, changes: Partial<RecoveryPoint> = {}): RecoveryPoint {
  return {
    kind: "recovery_point",
    target: "latest",
    lsn: "0/8FFFF28",
    timeline: 1,
    commitWallUs: t0WallUs - 5_000_000,
    expectedLsn: null,
    from: {
      lsn: "pg_last_wal_replay_lsn()",
      timeline: "pg_control_checkpoint()",
      commitTime: "pg_last_xact_replay_timestamp()",
    },
    ...changes,
  };
}

export function heartbeat(t0WallUs: number, changes: Partial<NewestSurvivor> = {}): NewestSurvivor {
  return {
    kind: "newest_survivor",
    via: "heartbeat",
    what: "firedrill.heartbeat",
    newestWallUs: t0WallUs - 5_200_000,
    intervalUs: 1_000_000,
    ...changes,
  };
}

export function server(durability: "production" | "throwaway"): Fact {
  return {
    kind: "server_settings",
    version: "18.4",
    binaries: "/usr/lib/postgresql/18/bin",
    durability,
    settings: { archive_mode: "off" },
  };
}
