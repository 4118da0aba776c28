import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directorySource } from "../../../src/backups/directory/directory-source.ts";
import { createBackupMaker } from "../../../src/databases/postgres/backup/create-base-backup.ts";
import { initCluster } from "../../../src/databases/postgres/lab/init-cluster.ts";
import { createRestoreDriver } from "../../../src/databases/postgres/recovery/recover.ts";
import { createRestorePlace } from "../../../src/databases/postgres/recovery/restore-place.ts";
import { RESERVED_SETTINGS } from "../../../src/databases/postgres/recovery/safe-profile.ts";
import type { BackupRef } from "../../../src/drills/backup-ref.ts";
import type { Fact } from "../../../src/drills/facts.ts";
import type { MarkRecord } from "../../../src/drills/run-event.ts";
import type { SandboxRef } from "../../../src/drills/sandbox-ref.ts";
import type { StepContext } from "../../../src/engine/step-contract.ts";
import type { Binaries } from "../../../src/steps/ports/postgres.ts";
import { createBackupStep } from "../../../src/steps/backup/create.ts";
import { restoreStep } from "../../../src/steps/postgres/restore.ts";
import { archived, startLab, value } from "../../support/pg-history.ts";
import {
  clock,
  majors,
  openSession,
  own,
  serviceUser,
  sessions,
  testBinaries,
  testFolder,
} from "../../support/pg-machine.ts";
import { harness, type Harness, soon } from "../../support/sandbox-harness.ts";
import { stepContext } from "../../support/sandbox-step-context.ts";

const binaries = testBinaries();
const source = directorySource({ clock });

describe("postgres/restore, from a real archive into a real sandbox", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let host: Harness;
  let backup: BackupRef;
  let sandbox: SandboxRef;

  beforeAll(async () => {
    folder = await testFolder();
    host = harness();
    await makePrimary(folder.dir);
    const listing = await source.list(
      { kind: "directory", path: join(folder.dir, "backups"), wal: join(folder.dir, "archive") },
      soon(),
    );
    const [found] = listing.backups;
    if (found === undefined) throw new Error(`no backup found: ${JSON.stringify(listing.rejected)}`);
    backup = found;
    sandbox = await host.make();
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const stepWith = (found: Binaries = binaries) =>
    restoreStep({
      binaries: found,
      source,
      place: createRestorePlace(host.sandboxes),
      driver: createRestoreDriver({
        sandboxes: host.sandboxes,
        sessions,
        clock,
        random: randomBytes,
        totalMemoryBytes: 2 ** 30,
      }),
      reservedSettings: RESERVED_SETTINGS,
    });

  async function run(wish: Readonly<Record<string, unknown>> = {}, found: Binaries = binaries) {
    const step = stepWith(found);
    const facts: Fact[] = [];
    const marks: MarkRecord[] = [];
    const context: StepContext = {
      ...stepContext(host, []).context,
      fact: async (fact) => void facts.push(fact),
      mark: async (mark) => void marks.push(mark),
      progress: () => undefined,
    };
    const result = await step.run(
      step.with.parse({ backup, into: sandbox, durability: "throwaway", ...wish }),
      context,
    );
    return { outputs: step.outputs.parse(result.outputs), facts, marks };
  }

  it("restores data and tablespaces to the last archived transaction, and records what it saw", async () => {
    const { outputs, facts, marks } = await run();
    expect(outputs).toMatchObject({
      writable: true,
      recoveryPoint: { target: "latest", timeline: 1, lsn: backup.archiveEndLsn },
    });
    expect(outputs.bytes).toBeGreaterThan(20_000_000);
    expect(outputs.verifiedBytes).toBeGreaterThan(20_000_000);
    expect(outputs.replaySegments).toBeGreaterThan(0);
    await using session = await openSession(outputs.database);
    expect(await value(session, "select count(*) from t")).toBe("900");
    expect(await value(session, "select count(*) from in_space")).toBe("300");
    expect(await value(session, "select pg_tablespace_location(oid) from pg_tablespace where spcname = 's'")).toContain(
      join(sandbox.dir, "tablespaces"),
    );
    expect(facts.map(({ kind }) => kind)).toEqual([
      "transfer",
      "recovery_point",
      "replay",
      "isolation",
      "server_settings",
      "service",
    ]);
    expect(marks.map(({ mark, source: who }) => [mark, who])).toEqual([
      ["T4", "orchestrator"],
      ["T5", "orchestrator"],
    ]);
    for (const fact of [...facts, ...marks]) expect(JSON.stringify(fact)).not.toMatch(/\d\.\d+[,}]/u);
  });

  it("begins anew when it runs a second time in the same sandbox", async () => {
    const { outputs } = await run({ until: "immediate", finish: "pause" });
    expect(outputs).toMatchObject({ writable: false, password: null });
    await using session = await openSession(outputs.database);
    expect(await value(session, "select count(*) from t")).toBe("500");
    const { marks, facts } = await run({ until: "immediate", finish: "pause" });
    expect(marks.map(({ mark }) => mark)).toEqual(["T4"]);
    expect(facts.at(-1)).toMatchObject({ kind: "service", writable: false });
  });

  it("copies nothing when there is no server of that version", async () => {
    await rm(join(sandbox.dir, "data"), { recursive: true, force: true });
    const none: Binaries = { ...binaries, forMajor: () => binaries.forMajor(99, soon()) };
    await expect(run({}, none)).rejects.toMatchObject({ code: "PG_BINARIES" });
    await expect(readdir(join(sandbox.dir, "data"))).rejects.toThrow("ENOENT");
  });

  it("says what is missing before it copies", async () => {
    const missing = { ...backup, walPath: join(folder.dir, "elsewhere") };
    await mkdir(missing.walPath, { recursive: true });
    await expect(run({ backup: { ...missing }, until: "0/9000000" })).rejects.toMatchObject({ class: "subject" });
    await expect(readdir(join(sandbox.dir, "data"))).rejects.toThrow("ENOENT");
  });

  it("refuses settings that would make the copy act on production", () => {
    const step = stepWith();
    for (const name of ["archive_mode", "Primary_ConnInfo", "recovery_target_time", "fsync", "x y"]) {
      const parsed = step.with.safeParse({ backup, into: sandbox, settings: { [name]: "on" } });
      expect([name, parsed.success, parsed.error?.issues[0]?.path]).toEqual([name, false, ["settings", name]]);
    }
    expect(step.with.parse({ backup, into: sandbox, settings: { work_mem: "8MB", jit: false } })).toMatchObject({
      until: "latest",
      timeline: "latest",
      finish: "promote",
      durability: "production",
    });
    expect(step.with.safeParse({ backup, into: sandbox, until: "yesterday" }).success).toBe(false);
  });

  it("backup/create takes a backup that is found again", async () => {
    const { outputs } = await run();
    // A tar header holds 100 characters of a link, and the sandbox's tablespaces may lie deeper than that.
    await using session = await openSession(outputs.database);
    await session.query("drop table in_space");
    await session.query("drop tablespace s");
    const step = createBackupStep({
      maker: createBackupMaker({ sessions, binaries, clock, secret: async (ref) => readFile(ref, "utf8") }),
    });
    const context = { ...stepContext(host, []).context, progress: () => undefined };
    const into = join(folder.dir, "again");
    const result = await step.run(
      step.with.parse({ of: outputs.database, into, format: "tar", checkpoint: "fast" }),
      context,
    );
    const { backups } = await source.list({ kind: "directory", path: into, wal: null }, soon());
    expect(backups.map(({ path, startLsn }) => ({ path, startLsn }))).toEqual([
      { path: result.outputs.path, startLsn: result.outputs.startLsn },
    ]);
    await expect(step.run(step.with.parse({}), context)).rejects.toMatchObject({ code: "BACKUP_SYSTEM" });
  });
});

/** 500 rows and a tablespace of 100 in the backup (tar); 900 and 300 at the end of the archive. */
async function makePrimary(dir: string): Promise<void> {
  const server = await binaries.forMajor(majors[0] ?? 18, soon());
  await initCluster({
    binaries: server,
    dataDir: join(dir, "primary"),
    user: serviceUser,
    superuser: "postgres",
    password: null,
    signal: soon(),
  });
  const space = join(dir, "space");
  await mkdir(space, { mode: 0o700 });
  await own(space);
  await using primary = await startLab(dir, "primary", server, join(dir, "archive"));
  await using session = await openSession(primary.database);
  await session.query("create table t as select i from generate_series(1, 500) i");
  await session.query(`create tablespace s location '${space}'`);
  await session.query("create table in_space tablespace s as select i from generate_series(1, 100) i");
  const maker = createBackupMaker({ sessions, binaries, clock, secret: async () => "" });
  const request = {
    database: primary.database,
    into: join(dir, "backups"),
    name: "base",
    method: "replication",
    format: "tar",
    label: "base",
    checkpoint: "fast",
  } as const;
  await maker.create(request, { signal: soon(), progress: () => undefined });
  await session.query("insert into t select i from generate_series(501, 900) i");
  await session.query("insert into in_space select i from generate_series(101, 300) i");
  await session.query("select pg_switch_wal()");
  await archived(session);
}
