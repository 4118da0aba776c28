import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { endProcesses, processesOf } from "../../../src/databases/postgres/backup/backup-process.ts";
import { dyingWithUs } from "../../../src/support/dying-with-us.ts";
import { createBackupMaker } from "../../../src/databases/postgres/backup/create-base-backup.ts";
import {
  claim,
  noteFinished,
  type PartialPlace,
  partialPlace,
  preparePartial,
} from "../../../src/databases/postgres/backup/partial.ts";
import { partialBackupKeeper } from "../../../src/databases/postgres/backup/partial-keeper.ts";
import { initCluster } from "../../../src/databases/postgres/lab/init-cluster.ts";
import type { LabServer } from "../../../src/databases/postgres/lab/start-server.ts";
import type { BackupOwner, BackupRequest, CreatedBackup } from "../../../src/steps/ports/backup-maker.ts";
import { startLab } from "../../support/pg-history.ts";
import {
  clock,
  lacksTool,
  openSession,
  quiet,
  serviceUser,
  sessions,
  testBinaries,
  testFolder,
} from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";

const signal = new AbortController().signal;
const keeper = partialBackupKeeper("fd-test");

function ownerOf(part: Partial<BackupOwner> = {}): BackupOwner {
  const run = part.run ?? "run-1";
  return {
    installation: "fd-test",
    run,
    step: "take",
    token: `fd-test/${run}/${process.pid}/${performance.now()}`,
    ...part,
  };
}

function locatorOf({ into, name, partial }: PartialPlace, { token }: BackupOwner) {
  return { into, name, partial, token };
}

describe("the keeper of unfinished backups", () => {
  let into: string;
  let place: PartialPlace;
  const owner = ownerOf();
  beforeEach(async () => {
    into = await mkdtemp(join(tmpdir(), "firedrill-partial-"));
    place = partialPlace(into, "nightly");
  });
  afterEach(() => rm(into, { recursive: true, force: true }));

  test("removes what bears the run's label, as often as it is asked, and proves it", async () => {
    await claim(place, owner);
    await writeFile(join(place.partial, "PG_VERSION"), "18\n");
    const locator = locatorOf(place, owner);
    expect(await keeper.verifyGone(locator, signal)).toMatchObject({ gone: false, how: containing("still exists") });
    for (let round = 0; round < 2; round += 1) {
      await keeper.destroy(locator, signal);
      expect(await keeper.verifyGone(locator, signal)).toMatchObject({ gone: true, how: containing("does not exist") });
    }
    expect(await readdir(into)).toEqual([]);
  });

  test("leaves a finished backup, and takes the label beside it away", async () => {
    await claim(place, owner);
    await noteFinished(place, owner, finished(place));
    await rename(place.partial, place.path);
    await keeper.destroy(locatorOf(place, owner), signal);
    expect(await keeper.verifyGone(locatorOf(place, owner), signal)).toMatchObject({ gone: true });
    expect(await readdir(into)).toEqual(["nightly"]);
  });

  test.each([
    ["another run", { run: "run-2" }],
    ["another installation", { installation: "fd-other" }],
  ])("leaves what %s made under the same name", async (_, other) => {
    await claim(place, ownerOf(other));
    await keeper.destroy(locatorOf(place, owner), signal);
    expect(await keeper.verifyGone(locatorOf(place, owner), signal)).toMatchObject({
      gone: true,
      how: containing("is another run's"),
    });
    expect(existsSync(place.partial)).toBe(true);
  });

  test("does not remove, and does not call gone, what bears no label", async () => {
    await mkdir(place.partial);
    await expect(keeper.destroy(locatorOf(place, owner), signal)).rejects.toMatchObject({
      code: "BACKUP_PARTIAL_STUCK",
    });
    expect(await keeper.verifyGone(locatorOf(place, owner), signal)).toMatchObject({ gone: false });
    expect(existsSync(place.partial)).toBe(true);
  });

  test("follows no link that stands in the folder's place, nor one in the label's", async () => {
    await claim(place, owner);
    await mkdir(join(into, "precious"));
    await rm(place.partial, { recursive: true });
    await symlink(join(into, "precious"), place.partial);
    await expect(keeper.destroy(locatorOf(place, owner), signal)).rejects.toMatchObject({
      code: "BACKUP_PARTIAL_STUCK",
    });
    await rename(place.label, join(into, "moved"));
    await symlink(join(into, "moved"), place.label);
    await rm(place.partial);
    await mkdir(place.partial);
    await expect(keeper.destroy(locatorOf(place, owner), signal)).rejects.toMatchObject({
      code: "BACKUP_PARTIAL_STUCK",
    });
    expect(await readdir(into)).toEqual(expect.arrayContaining(["precious", "nightly.partial"]));
  });

  test.each([
    ["a finished backup", { partial: "/b/nightly" }],
    ["a folder elsewhere", { name: "../nightly", partial: "/nightly.partial" }],
    ["a relative folder", { into: "b", partial: "b/nightly.partial" }],
    ["nothing", { token: "" }],
  ])("a locator that names %s is refused", async (_, part) => {
    const locator = { into: "/b", name: "nightly", partial: "/b/nightly.partial", token: "t", ...part };
    await expect(keeper.destroy(locator, signal)).rejects.toMatchObject({
      code: expect.stringMatching(/^BACKUP_(?:PARTIAL_LOCATOR|NAME)$/u) as unknown,
    });
  });

  test("the same step of the same run takes over: what it left goes, what it had finished it gives", async () => {
    await claim(place, owner);
    const again = ownerOf();
    expect(await preparePartial(place, again)).toEqual({ kind: "free", locator: locatorOf(place, again) });
    expect(await readdir(into)).toEqual([]);
    await claim(place, again);
    await noteFinished(place, again, finished(place));
    await rename(place.partial, place.path);
    expect(await preparePartial(place, ownerOf())).toEqual({ kind: "finished", backup: finished(place) });
    expect(existsSync(place.path)).toBe(true);
  });

  test.each([{ run: "run-2" }, { step: "other" }, { installation: "fd-other" }])(
    "%j does not take over",
    async (other) => {
      await claim(place, owner);
      await expect(preparePartial(place, ownerOf(other))).rejects.toMatchObject({
        code: "BACKUP_EXISTS",
        message: containing("run run-1 of installation fd-test began it"),
      });
      expect(existsSync(place.partial)).toBe(true);
    },
  );

  test("a folder that somebody makes at the same moment gets no label of ours", async () => {
    await mkdir(place.partial);
    await expect(claim(place, owner)).rejects.toMatchObject({ code: "BACKUP_EXISTS" });
    expect(await readdir(into)).toEqual(["nightly.partial"]);
  });
});

function finished({ path }: PartialPlace): CreatedBackup {
  const lsns = { startLsn: "0/1", stopLsn: "0/2", timeline: 1 };
  const sums = { bytes: 1, files: 1, durationUs: 1 };
  return {
    path,
    method: "replication",
    format: "plain",
    label: "l",
    major: 18,
    systemIdentifier: "7",
    ...lsns,
    ...sums,
  };
}

const reason = lacksTool("pg_basebackup", 15);

/** Each of them waits for a spread checkpoint, a tenth of a second for each dirty page, until it is killed. */
describe.skipIf(reason)(
  `pg_basebackup at work [needs pg_basebackup${reason === undefined ? "" : `: ${reason}`}]`,
  () => {
    let folder: Awaited<ReturnType<typeof testFolder>>;
    let server: LabServer;
    beforeAll(async () => {
      folder = await testFolder();
      const binaries = await testBinaries().forMajor(15, signal);
      const dataDir = join(folder.dir, "primary");
      await initCluster({ binaries, dataDir, user: serviceUser, superuser: "postgres", password: null, signal });
      server = await startLab(folder.dir, "primary", binaries, null);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    async function request(name: string, owner: BackupOwner): Promise<BackupRequest> {
      await using session = await openSession(server.database);
      await session.query(`create table ${name} as select g, repeat('x', 500) from generate_series(1, 20000) g`);
      const into = join(folder.dir, "backups");
      const how = { method: "pg_basebackup", format: "plain", checkpoint: "spread" } as const;
      return { database: server.database, into, name, label: name, owner, ...how };
    }

    async function until(fits: () => boolean): Promise<void> {
      for (const deadline = performance.now() + 15_000; !fits(); await sleep(5)) {
        if (performance.now() > deadline) throw new Error("it never came");
      }
    }

    test("its keeper finds it by its marker, ends it, and removes what it wrote", async () => {
      const owner = ownerOf();
      const wish = await request("kept", owner);
      const maker = createBackupMaker({ sessions, binaries: testBinaries(), clock, secret: async () => "" });
      const taken = maker.create(wish, quiet).catch((error: unknown) => error);
      await until(() => processesOf(owner.token).found.length > 0);
      const place = partialPlace(wish.into, wish.name);
      expect(await keeper.verifyGone(locatorOf(place, owner), signal)).toMatchObject({ gone: false });
      await keeper.destroy(locatorOf(place, owner), signal);
      expect(await keeper.verifyGone(locatorOf(place, owner), signal)).toMatchObject({
        gone: true,
        how: containing("/proc: 0 of "),
      });
      expect(await taken).toMatchObject({ code: "BACKUP_TAKE" });
    });

    test("it dies with its orchestrator, before anybody cleans up", async () => {
      expect(await dyingWithUs()).not.toEqual([]);
      const owner = ownerOf();
      const wish = await request("orphaned", owner);
      const child = orchestrator(wish);
      try {
        await until(() => processesOf(owner.token).found.length > 0);
        child.kill("SIGKILL");
        await until(() => processesOf(owner.token).found.length === 0);
        expect(existsSync(partialPlace(wish.into, wish.name).partial)).toBe(true);
      } finally {
        child.kill("SIGKILL");
        await endProcesses(owner.token);
      }
    });
  },
);

function orchestrator(request: BackupRequest): ChildProcess {
  const script = fileURLToPath(new URL("../../support/pg-backup-child.ts", import.meta.url));
  return spawn(process.execPath, [script, JSON.stringify(request)], { stdio: ["ignore", "ignore", "inherit"] });
}
