import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackupMaker } from "../../../src/databases/postgres/backup/create-base-backup.ts";
import { createBinaries } from "../../../src/databases/postgres/binaries.ts";
import { initCluster } from "../../../src/databases/postgres/lab/init-cluster.ts";
import type { LabServer } from "../../../src/databases/postgres/lab/start-server.ts";
import { parseBackupManifest } from "../../../src/formats/postgres/backup-manifest.ts";
import type { BackupRequest } from "../../../src/steps/ports/backup-maker.ts";
import type { PostgresBinaries } from "../../../src/steps/ports/postgres.ts";
import { archived, type History, startLab } from "../../support/pg-history.ts";
import {
  clock,
  lacksTool,
  majors,
  openSession,
  own,
  quiet,
  serviceUser,
  sessions,
  testBinaries,
  testFolder,
} from "../../support/pg-machine.ts";
import { makeSandbox, restore, rowCount } from "../../support/pg-restore.ts";
import { containing, matching } from "../../support/pg-matchers.ts";

const run = promisify(execFile);
const maker = createBackupMaker({ sessions, binaries: testBinaries(), clock, secret: async () => "" });
const signal = new AbortController().signal;

describe.each(majors.filter((major) => major === majors[0] || major === 15))(
  "a base backup of PostgreSQL %i",
  (major) => {
    let folder: Awaited<ReturnType<typeof testFolder>>;
    let binaries: PostgresBinaries;
    let server: LabServer;

    beforeAll(async () => {
      folder = await testFolder();
      binaries = await testBinaries().forMajor(major, signal);
      await initCluster({
        binaries,
        dataDir: join(folder.dir, "primary"),
        user: serviceUser,
        superuser: "postgres",
        password: null,
        signal,
      });
      server = await startLab(folder.dir, "primary", binaries, join(folder.dir, "archive"));
      await using session = await openSession(server.database);
      await session.query("create table t as select i from generate_series(1, 20000) i");
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    const request = (name: string, wish: Partial<BackupRequest> = {}): BackupRequest => ({
      database: server.database,
      into: join(folder.dir, "backups"),
      name,
      method: "replication",
      format: "plain",
      label: "it's a label",
      checkpoint: "fast",
      ...wish,
    });

    async function rowsAfterRestore(path: string, startLsn: string, stopLsn: string): Promise<number> {
      await using session = await openSession(server.database);
      await session.query("select pg_switch_wal()");
      await archived(session);
      await using sandbox = await makeSandbox(folder.dir);
      const backup = {
        path,
        startLsn,
        stopLsn,
        timeline: 1,
        walSegmentBytes: 16_777_216,
        archiveEndTimeline: null,
        endedWallUs: null,
        startedWallUs: null,
      };
      // Test data: only what the restore reads of a backup.
      const history = { dir: folder.dir, binaries, backup, archive: join(folder.dir, "archive") } as unknown as History;
      return await rowCount(await restore(history, sandbox, { until: "immediate" }));
    }

    it.each(["replication", "low-level"] as const)("taken by %s can be restored", async (method) => {
      const made = await maker.create(request(`plain-${method}`, { method }), quiet);
      expect(made).toMatchObject({ method, format: "plain", major, timeline: 1, label: "it's a label" });
      expect(await readdir(join(folder.dir, "backups"))).not.toContain(`plain-${method}.partial`);
      expect(await readFile(join(made.path, "backup_label"), "utf8")).toContain("LABEL: it's a label");
      for (const left of ["postmaster.pid", "postmaster.opts"])
        await expect(stat(join(made.path, left))).rejects.toThrow("ENOENT");
      expect(await rowsAfterRestore(made.path, made.startLsn, made.stopLsn)).toBe(20_000);
    });

    it("over replication brings a manifest that agrees with every file", async () => {
      const made = await maker.create(request("with-manifest"), quiet);
      const manifest = parseBackupManifest(await readFile(join(made.path, "backup_manifest")));
      expect(manifest.files.length).toBeGreaterThan(900);
      for (const { path, sizeBytes } of manifest.files)
        expect([path, (await stat(join(made.path, path))).size]).toEqual([path, sizeBytes]);
      expect(made.files).toBe(manifest.files.length + 2);
    });

    it.skipIf(lacksTool("pg_verifybackup", major))(
      "over replication satisfies pg_verifybackup [needs pg_verifybackup]",
      async () => {
        const made = await maker.create(request("verified"), quiet);
        const { stdout } = await run(join(binaries.bin, "pg_verifybackup"), [made.path]);
        expect(stdout).toContain("successfully verified");
      },
    );

    it.skipIf(lacksTool("pg_basebackup", major))(
      "is taken by pg_basebackup where there is one, plain and tar [needs pg_basebackup]",
      async () => {
        const plain = await maker.create(request("auto", { method: "auto" }), quiet);
        expect(plain.method).toBe("pg_basebackup");
        expect(await rowsAfterRestore(plain.path, plain.startLsn, plain.stopLsn)).toBe(20_000);
        const tar = await maker.create(request("auto-tar", { method: "auto", format: "tar" }), quiet);
        expect((await readdir(tar.path)).toSorted()).toEqual(["backup_manifest", "base.tar", "pg_wal.tar"]);
      },
    );

    it("keeps tablespaces as archives of their own, and does not pretend in a plain copy", async () => {
      const space = join(folder.dir, "space");
      await mkdir(space, { mode: 0o700 });
      await own(space);
      await using session = await openSession(server.database);
      await session.query(`create tablespace s location '${space}'`);
      await session.query("create table in_space tablespace s as select i from generate_series(1, 100) i");
      const made = await maker.create(request("tar", { format: "tar" }), quiet);
      expect((await readdir(made.path)).toSorted()).toEqual([matching(/^\d+\.tar$/u), "backup_manifest", "base.tar"]);
      await expect(maker.create(request("plain-space"), quiet)).rejects.toMatchObject({ code: "BACKUP_TABLESPACES" });
      await expect(maker.create(request("low-space", { method: "low-level" }), quiet)).rejects.toMatchObject({
        code: "BACKUP_TABLESPACES",
      });
      await session.query("drop table in_space");
      await session.query("drop tablespace s");
      expect((await readdir(join(folder.dir, "backups"))).filter((name) => name.includes("space"))).toEqual([]);
    });

    it("is never overwritten, and a failed one leaves nothing", async () => {
      await maker.create(request("once"), quiet);
      await expect(maker.create(request("once"), quiet)).rejects.toMatchObject({ code: "BACKUP_EXISTS" });
      await expect(maker.create(request("../escape"), quiet)).rejects.toMatchObject({ code: "BACKUP_NAME" });
      await expect(
        maker.create(request("dead", { database: { ...server.database, port: 1 } }), quiet),
      ).rejects.toMatchObject({ code: "PG_CONNECT", class: "transient" });
      const abort = new AbortController();
      const aborted = maker.create(request("aborted"), {
        signal: abort.signal,
        progress: () => abort.abort(new Error("halted")),
      });
      await expect(aborted).rejects.toThrow("halted");
      expect(
        (await readdir(join(folder.dir, "backups"))).filter((name) => /dead|aborted|escape|partial/u.test(name)),
      ).toEqual([]);
    });

    it("asks for pg_basebackup of the same version", async () => {
      // A search that finds nothing: what a machine without the tools looks like.
      const nothing = createBinaries({ option: null, configured: [], path: "", systemPatterns: [], npm: null });
      const bare = createBackupMaker({ sessions, binaries: nothing, clock, secret: async () => "" });
      const failure = bare.create(request("tool", { method: "pg_basebackup" }), quiet);
      await expect(failure).rejects.toMatchObject({
        code: "BACKUP_METHOD",
        message: containing(`no pg_basebackup ${major}`),
      });
    });

    it("says so when a method cannot work here", async () => {
      await expect(
        maker.create(request("low-tar", { method: "low-level", format: "tar" }), quiet),
      ).rejects.toMatchObject({ code: "BACKUP_METHOD" });
    });
  },
);
