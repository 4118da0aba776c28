import { copyFile, mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackupRef } from "../../../src/drills/backup-ref.ts";
import { archived, copyOwned, type History, makeHistory, startLab, value } from "../../support/pg-history.ts";
import { majors, openSession, own, quiet, testFolder } from "../../support/pg-machine.ts";
import {
  driver,
  makeSandbox,
  plainFeed,
  requestFor,
  restore,
  type RestoreWish,
  rowCount,
} from "../../support/pg-restore.ts";
import { containing, matching } from "../../support/pg-matchers.ts";

/** Every way in which less data, or damaged data, could come back looking like success. */
describe("a restore that cannot be right is red", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let history: History;

  beforeAll(async () => {
    folder = await testFolder();
    history = await makeHistory(folder.dir, majors[0] ?? 18);
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  /** A copy of the archive without some of its segments, counted from its end. */
  async function archiveWithout(name: string, ...fromEnd: readonly number[]): Promise<string> {
    const dir = join(folder.dir, name);
    await mkdir(dir);
    await copyOwned(history.archive, dir);
    const segments = (await readdir(dir)).filter((file) => /^[0-9A-F]{24}$/u.test(file)).toSorted();
    for (const index of fromEnd) await rm(join(dir, segments.at(-1 - index) ?? ""));
    return dir;
  }

  async function failureOf(
    wish: RestoreWish,
    damage: (dataDir: string) => Promise<unknown> = async () => undefined,
  ): Promise<unknown> {
    await using sandbox = await makeSandbox(folder.dir);
    const request = requestFor(history, sandbox, wish);
    await copyOwned(request.backup.path, sandbox.dataDir);
    await damage(sandbox.dataDir);
    return await driver.recover(request, quiet).then(
      () => "restored",
      (error: unknown) => error,
    );
  }

  it("latest with the last segment missing", async () => {
    const wal = plainFeed(await archiveWithout("no-last", 0));
    expect(await failureOf({ wal, expectedLsn: history.archiveEndLsn })).toMatchObject({
      code: "RECOVERY_POINT_SHORT",
      class: "subject",
      message: matching(/^replay ended at 0\/[0-9A-F]+ on timeline 1, before the end of the archive, 0\/[0-9A-F]+/u),
    });
  });

  it("latest with a segment missing in the middle", async () => {
    const wal = plainFeed(await archiveWithout("no-middle", 1));
    expect(await failureOf({ wal, expectedLsn: history.archiveEndLsn })).toMatchObject({
      code: "RECOVERY_POINT_SHORT",
      class: "subject",
    });
  });

  it("latest with a damaged segment, and the server's reason is told", async () => {
    const archive = await archiveWithout("damaged");
    const last =
      (await readdir(archive))
        .filter((file) => /^[0-9A-F]{24}$/u.test(file))
        .toSorted()
        .at(-2) ?? "";
    const file = await open(join(archive, last), "r+");
    await file.write(Buffer.alloc(8192, 0xa5), 0, 8192, 8192);
    await file.close();
    expect(await failureOf({ wal: plainFeed(archive), expectedLsn: history.archiveEndLsn })).toMatchObject({
      code: "RECOVERY_POINT_SHORT",
      message: matching(/\((?:invalid|incorrect|unexpected|record).* at 0\/[0-9A-F]+|\(invalid/u),
    });
  });

  it.each([
    ["a flipped byte", (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(120) ^ 0xff, 120)],
    ["its tail zeroed", (bytes: Buffer) => bytes.fill(0, 8192)],
  ])("latest with the last segment damaged: %s", async (name, damage) => {
    const archive = await archiveWithout(`damaged-${name.replaceAll(" ", "-")}`);
    const segments = (await readdir(archive)).filter((file) => /^[0-9A-F]{24}$/u.test(file)).toSorted();
    const path = join(archive, segments.at(-1) ?? "");
    const bytes = await readFile(path);
    damage(bytes);
    await writeFile(path, bytes);
    expect(await failureOf({ wal: plainFeed(archive), expectedLsn: history.archiveEndLsn })).toMatchObject({
      code: "RECOVERY_POINT_SHORT",
      class: "subject",
      message: containing("the last segment of the archive"),
    });
  });

  it("no WAL of the backup itself", async () => {
    const empty = join(folder.dir, "empty-archive");
    await mkdir(empty, { recursive: true });
    const dropWal = async (dataDir: string): Promise<void> => {
      for (const name of await readdir(join(dataDir, "pg_wal")))
        if (/^[0-9A-F]{24}$/u.test(name)) await rm(join(dataDir, "pg_wal", name));
    };
    expect(await failureOf({ wal: plainFeed(empty) }, dropWal)).toMatchObject({
      code: "RECOVERY_NO_CHECKPOINT",
      class: "subject",
    });
  });

  it("a time before the backup's end: known from the backup's own time, before a server starts", async () => {
    const backup: BackupRef = {
      ...history.backup,
      endedWallUs: Date.parse(history.at1000.time) * 1000,
      timeFrom: "backup_manifest",
    };
    expect(await failureOf({ until: history.beforeBackup, backup })).toMatchObject({
      code: "RECOVERY_TARGET_BEFORE_BACKUP",
      class: "subject",
    });
  });

  it("an LSN before the backup's end", async () => {
    const backup = { ...history.backup };
    expect(await failureOf({ until: history.backup.startLsn, backup })).toMatchObject({
      code: "RECOVERY_TARGET_BEFORE_BACKUP",
      class: "subject",
    });
    // Not known from the backup: the server says it.
    expect(await failureOf({ until: history.backup.startLsn, backup: { ...backup, stopLsn: null } })).toMatchObject({
      code: "RECOVERY_TARGET_BEFORE_BACKUP",
      class: "subject",
    });
  });

  it("a timeline that is not there", async () => {
    expect(await failureOf({ timeline: 7 })).toMatchObject({ code: "RECOVERY_TIMELINE", class: "subject" });
  });

  it("a copy without backup_label, which would open and be corrupt", async () => {
    expect(await failureOf({}, (dataDir) => rm(join(dataDir, "backup_label")))).toMatchObject({
      code: "RESTORE_NO_LABEL",
      class: "subject",
    });
  });

  it("a copy without a control file", async () => {
    expect(await failureOf({}, (dataDir) => rm(join(dataDir, "global/pg_control")))).toMatchObject({
      code: "RESTORE_NO_CLUSTER",
      class: "subject",
    });
  });

  it("a copy of another version", async () => {
    expect(await failureOf({}, (dataDir) => writeFile(join(dataDir, "PG_VERSION"), "12\n"))).toMatchObject({
      code: "PG_BINARIES",
      message: containing("written by PostgreSQL 12"),
    });
  });

  it("WAL of another system in the archive", async () => {
    await using other = await testFolder();
    const foreign = await makeHistory(other.dir, majors[0] ?? 18);
    const archive = await archiveWithout("foreign");
    for (const name of await readdir(foreign.archive))
      await copyFileOwned(join(foreign.archive, name), join(archive, name));
    const failure = await failureOf({ wal: plainFeed(archive), expectedLsn: history.archiveEndLsn });
    expect(failure).toMatchObject({
      class: "subject",
      message: containing("WAL file is from different database system"),
    });
  });

  it("a failure of the WAL feed is told as its own", async () => {
    const failure = new Error("segment 000000010000000000000003 is damaged");
    expect(await failureOf({ wal: plainFeed(history.archive, { failure: () => failure }) })).toBe(failure);
  });

  it("a restore command that cannot run", async () => {
    expect(
      await failureOf({ wal: plainFeed(history.archive, { restoreCommand: "/nonexistent/feed %f %p" }) }),
    ).toMatchObject({ code: "RESTORE_WAL_FEED", class: "permanent" });
  });

  it("a role or a database that is not in the backup", async () => {
    expect(await failureOf({ superuser: "nobody_here" })).toMatchObject({ code: "RESTORE_LOGIN", class: "permanent" });
    expect(await failureOf({ database: "nothing_here" })).toMatchObject({ code: "RESTORE_LOGIN", class: "permanent" });
  });

  it("a setting or a library that the server does not know", async () => {
    expect(await failureOf({ settings: { no_such_setting: "1" } })).toMatchObject({
      code: "RESTORE_SETTING",
      class: "permanent",
    });
    expect(await failureOf({ preload: ["no_such_library"] })).toMatchObject({
      code: "RESTORE_LIBRARY",
      class: "permanent",
      message: containing("no_such_library"),
    });
  });

  it("a setting that the source raised after the backup, which pauses replay before its end", async () => {
    await using raised = await testFolder();
    const early = await makeHistory(raised.dir, majors[0] ?? 18);
    await using server = await startLab(raised.dir, "primary", early.binaries, early.archive, {
      max_connections: "150",
    });
    await using session = await openSession(server.database);
    await session.query("insert into t select i from generate_series(1701, 1800) i");
    await session.query("select pg_switch_wal()");
    const expectedLsn = await archived(session);
    const attempt = async (wish: RestoreWish): Promise<unknown> => {
      await using sandbox = await makeSandbox(raised.dir);
      return await restore(early, sandbox, { expectedLsn, ...wish }).then(rowCount, (error: unknown) => error);
    };
    expect(await attempt({})).toMatchObject({
      code: "RESTORE_SETTING_LOW",
      class: "permanent",
      message: containing("max_connections"),
    });
    expect(await attempt({ settings: { max_connections: "150" } })).toBe(1800);
    expect(await value(session, "select count(*) from t")).toBe("1800");
  });

  async function copyFileOwned(from: string, to: string): Promise<void> {
    await copyFile(from, to);
    await own(to);
  }
});
