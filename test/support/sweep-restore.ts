import type { BackupRef } from "../../src/drills/backup-ref.ts";
import type { Isolation } from "../../src/drills/facts.ts";
import type { RestoreDeps } from "../../src/steps/postgres/restore.ts";
import type { Sandboxes } from "../../src/steps/ports/sandbox.ts";
import { partial } from "./sweep-absent.ts";
import type { World } from "./sweep-world.ts";

const LSN = "0/5000100";

function backupOf({ clock }: World): BackupRef {
  const endedWallUs = clock.wallUs() - 3_600_000_000;
  return {
    source: "directory",
    id: "base-1",
    path: "/srv/backups/base-1",
    walPath: "/srv/wal",
    format: "plain",
    compression: "none",
    major: 15,
    systemIdentifier: "7",
    label: "base-1",
    startLsn: "0/2000028",
    stopLsn: "0/2000100",
    timeline: 1,
    startedWallUs: endedWallUs - 60_000_000,
    endedWallUs,
    timeFrom: "backup_label",
    sizeBytes: 1_000_000,
    files: 900,
    manifestSha256: "0".repeat(64),
    walSegmentBytes: 16_777_216,
    archiveEndLsn: LSN,
    archiveEndTimeline: 1,
    tablespaces: [],
  };
}

const PROOF: Isolation = {
  kind: "isolation",
  probes: [{ probe: "route", expected: "none", actual: "none", ok: true }],
};

export function fakeSandboxes(world: World): Sandboxes {
  return partial<Sandboxes>("sandboxes", {
    async plan({ ttlMs }) {
      await world.look();
      const id = `sbx-${String(process.hrtime.bigint())}`;
      const place = {
        dir: `/srv/sandboxes/${id}`,
        port: 5500,
        fence: "network-namespace",
        uid: 999,
        gid: 999,
      } as const;
      return { kind: "process", id, ...place, expiresWallUs: world.clock.wallUs() + ttlMs * 1000 };
    },
    create: ({ id }, { installation, run, title }) =>
      world.change(({ things }) => {
        things[id] = { kind: "sandbox-process", installation, run, title };
      }),
    async probe() {
      await world.look();
      return PROOF;
    },
  });
}

type RestoreDrivers = Pick<RestoreDeps, "binaries" | "source" | "place" | "driver">;

export function fakeRestore(world: World): RestoreDrivers {
  return {
    binaries: partial<RestoreDeps["binaries"]>("binaries", {
      async forMajor(major) {
        await world.look();
        return { bin: "/usr/bin", version: `${major}.1`, major, from: "system", tools: new Set() };
      },
    }),
    source: {
      kind: "directory",
      async list() {
        await world.look();
        return { backups: [backupOf(world)], rejected: [] };
      },
      async assess() {
        await world.look();
        return { kind: "restorable", reachesLsn: LSN, timeline: 1, walBytes: 16_777_216, notes: [] };
      },
      async fetch({ sizeBytes: bytes, files }) {
        await world.look();
        const verified = { verifiedFiles: files, verifiedBytes: bytes, checksum: "SHA256" };
        return { kind: "transfer", method: "copy", bytes, files, durationUs: 1000, ...verified };
      },
      async feedWal() {
        await world.look();
        const handedOver = () => ({ segments: 1, bytes: 16_777_216 });
        return { restoreCommand: "true", handedOver, failure: () => null, [Symbol.asyncDispose]: async () => {} };
      },
    },
    place: {
      async prepare(sandbox) {
        await world.look();
        const { dir, uid, gid } = sandbox;
        const files = { dir: `${dir}/data`, tablespaceRoot: `${dir}/tablespaces`, uid, gid };
        return { files, spool: { dir: `${dir}/spool`, sandbox } };
      },
    },
    driver: {
      async recover({ sandbox, finish, durability, target, expectedLsn, binaries }) {
        await world.look();
        const seen = { ...world.now(), resolutionUs: 1000 };
        const from = { lsn: "pg_last_wal_replay_lsn", timeline: "control file", commitTime: "server log" };
        const point = { lsn: LSN, timeline: 1, commitWallUs: seen.wallUs - 30_000_000, expectedLsn, from };
        const login = { user: "postgres", database: "postgres", password: null };
        return {
          database: { engine: "postgresql", sandbox: sandbox.id, host: `${sandbox.dir}/socket`, port: 5500, ...login },
          recoveryPoint: { kind: "recovery_point", target: target.kind, ...point },
          replay: { kind: "replay", bytes: 16_777_216, segments: 1, durationUs: 1000 },
          server: { kind: "server_settings", version: binaries.version, binaries: "system", durability, settings: {} },
          profile: PROOF,
          firstRead: seen,
          firstWrite: finish === "promote" ? seen : null,
        };
      },
    },
  };
}
