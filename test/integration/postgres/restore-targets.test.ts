import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatLsn, parseLsn } from "../../../src/formats/postgres/lsn.ts";
import { type History, makeFork, makeHistory } from "../../support/pg-history.ts";
import { majors, openSession, testFolder } from "../../support/pg-machine.ts";
import { makeSandbox, plainFeed, restore, type RestoreWish, rowCount } from "../../support/pg-restore.ts";
import { containing } from "../../support/pg-matchers.ts";

describe.each(majors.filter((major) => major === majors[0] || major === 15))("restore with PostgreSQL %i", (major) => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let history: History;
  let forked: string;

  beforeAll(async () => {
    folder = await testFolder();
    history = await makeHistory(folder.dir, major);
    forked = await makeFork(history);
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  const atRow1000 = (finish: "promote" | "pause"): Record<string, RestoreWish> => ({
    time: { until: history.at1000.time, finish },
    lsn: { until: history.at1000.lsn, finish },
    name: { until: "name:at 1000", finish },
  });

  it("latest replays the whole archive and opens for writes", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const recovered = await restore(history, sandbox, { expectedLsn: history.archiveEndLsn });
    expect(await rowCount(recovered)).toBe(1700);
    const { recoveryPoint, replay } = recovered;
    expect(replay.bytes).toBe(Number(parseLsn(history.archiveEndLsn) - parseLsn(history.backup.startLsn)));
    expect(recoveryPoint).toMatchObject({
      target: "latest",
      lsn: history.archiveEndLsn,
      timeline: 1,
      expectedLsn: history.archiveEndLsn,
    });
    expect(recoveryPoint.from).toEqual({
      lsn: "pg_last_wal_replay_lsn()",
      timeline: "backup_label",
      commitTime: "pg_last_xact_replay_timestamp()",
    });
    // The last commit came just before the clock was read on the primary.
    expect(history.newestCommitUs - (recoveryPoint.commitWallUs ?? 0)).toBeGreaterThanOrEqual(0);
    expect(history.newestCommitUs - (recoveryPoint.commitWallUs ?? 0)).toBeLessThan(5_000_000);
    await using session = await openSession(recovered.database);
    await session.query("create table after_restore (i int)");
  });

  it("latest can stay read-only at the end of the archive", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const recovered = await restore(history, sandbox, { finish: "pause", expectedLsn: history.archiveEndLsn });
    expect(await rowCount(recovered)).toBe(1700);
    expect(recovered.firstWrite).toBeNull();
    await using session = await openSession(recovered.database);
    await expect(session.query("create table t2 (i int)")).rejects.toMatchObject({
      code: "PG_QUERY",
      details: { sqlstate: "25006" },
    });
    expect(await session.query("select pg_get_wal_replay_pause_state() as state")).toEqual([{ state: "paused" }]);
  });

  it.each(["time", "lsn", "name"])("%s stops at row 1000", async (kind) => {
    await using sandbox = await makeSandbox(folder.dir);
    const recovered = await restore(history, sandbox, atRow1000("promote")[kind]);
    expect(await rowCount(recovered)).toBe(1000);
    expect(recovered.recoveryPoint.commitWallUs).not.toBeNull();
    const { firstRead, firstWrite } = recovered;
    expect((firstWrite?.monoUs ?? 0) > firstRead.monoUs).toBe(true);
    for (const observed of [firstRead, firstWrite]) expect(observed?.resolutionUs).toBeGreaterThan(0);
  });

  it("a target can stay read-only", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const recovered = await restore(history, sandbox, atRow1000("pause")["name"]);
    expect(await rowCount(recovered)).toBe(1000);
    expect(recovered.firstWrite).toBeNull();
    expect(recovered.password).toBeNull();
  });

  it("immediate stops at the end of the backup and says that no transaction was replayed", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    // The archive of a later promotion: followed, but the position lies before it.
    const recovered = await restore(history, sandbox, { until: "immediate", wal: plainFeed(forked) });
    expect(recovered.recoveryPoint).toMatchObject({ timeline: 1, from: { timeline: "pg_wal/00000002.history" } });
    expect(await rowCount(recovered)).toBe(500);
    expect(recovered.recoveryPoint).toMatchObject({
      lsn: history.backup.stopLsn,
      commitWallUs: null,
      from: { commitTime: "no transaction was replayed" },
    });
  });

  it("follows an earlier promotion with timeline latest, and not with current or a number", async () => {
    for (const [timeline, rows, reached, from] of [
      ["latest", 1011, 2, "pg_wal/00000002.history"],
      ["current", 1700, 1, "backup_label"],
      [1, 1700, 1, "backup_label"],
    ] as const) {
      await using sandbox = await makeSandbox(folder.dir);
      const recovered = await restore(history, sandbox, { timeline, wal: plainFeed(forked) });
      expect([timeline, await rowCount(recovered)]).toEqual([timeline, rows]);
      expect(recovered.recoveryPoint.timeline).toBe(reached);
      expect(recovered.recoveryPoint.from.timeline).toBe(from);
    }
  });

  it("is red when the target is never reached, and says both positions", async () => {
    for (const until of [
      "name:never",
      "2099-01-01T00:00:00Z",
      formatLsn(parseLsn(history.archiveEndLsn) + 0x100_0000n),
    ]) {
      await using sandbox = await makeSandbox(folder.dir);
      const failure = restore(history, sandbox, { until });
      await expect(failure).rejects.toMatchObject({ code: "RECOVERY_TARGET_NOT_REACHED", class: "subject" });
      await expect(failure).rejects.toThrow(
        new RegExp(
          `the target ${until.replaceAll("/", "\\/")} was not reached: the WAL ends at LSN [0-9A-F]+/[0-9A-F]+, last transaction \\d{4}-`,
          "u",
        ),
      );
    }
  });

  it("is red when a newer timeline of the archive was not followed", async () => {
    await rm(join(forked, "00000002.history"));
    await using sandbox = await makeSandbox(folder.dir);
    const backup = { ...history.backup, archiveEndTimeline: 2 };
    await expect(restore(history, sandbox, { backup, wal: plainFeed(forked) })).rejects.toMatchObject({
      code: "RECOVERY_POINT_SHORT",
      class: "subject",
      message: containing("before timeline 2 of the archive"),
    });
  });
});
