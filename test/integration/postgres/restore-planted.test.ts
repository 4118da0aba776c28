import { execFile } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeldFolder } from "../../../src/databases/postgres/held-folder.ts";
import { livePostmaster, readPostmasterFile } from "../../../src/databases/postgres/postmaster-file.ts";
import { prepareDataDir } from "../../../src/databases/postgres/recovery/prepare-data-dir.ts";
import { createRestoreDriver } from "../../../src/databases/postgres/recovery/recover.ts";
import { replayedTimeline } from "../../../src/databases/postgres/recovery/replayed-timeline.ts";
import { createRestorePlace } from "../../../src/databases/postgres/recovery/restore-place.ts";
import { GrowingLog, readLogTail } from "../../../src/databases/postgres/server-log.ts";
import { copyOwned, type History, makeHistory } from "../../support/pg-history.ts";
import { clock, majors, quiet, sessions, testFolder } from "../../support/pg-machine.ts";
import {
  driver,
  makeSandbox,
  plainSandboxes,
  requestFor,
  rowCount,
  type TestSandbox,
} from "../../support/pg-restore.ts";

const run = promisify(execFile);
const TIMEOUT = AbortSignal.timeout(60_000);

/** The user that servers run as may put links anywhere in its folders, and we may be root: nothing of ours is reached through one. */
describe("a link that was planted in a sandbox", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let history: History;
  let victim: string;

  beforeAll(async () => {
    folder = await testFolder();
    history = await makeHistory(folder.dir, majors[0] ?? 18);
    victim = join(folder.dir, "not-of-the-sandbox");
    await mkdir(join(victim, "precious"), { recursive: true });
    await writeFile(join(victim, "precious/file"), "precious");
    await writeFile(join(victim, "secret"), "root:secret\n");
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  async function expectUntouched(): Promise<void> {
    expect(await readFile(join(victim, "precious/file"), "utf8")).toBe("precious");
    expect(await readFile(join(victim, "secret"), "utf8")).toBe("root:secret\n");
    expect((await readdir(victim)).toSorted()).toEqual(["precious", "secret"]);
  }

  async function filled(sandbox: TestSandbox): Promise<void> {
    await copyOwned(history.backup.path, sandbox.dataDir);
  }

  it("in the place of the replication slots is removed, not what it leads to", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await filled(sandbox);
    await rm(join(sandbox.dataDir, "pg_replslot"), { recursive: true });
    await symlink(victim, join(sandbox.dataDir, "pg_replslot"));
    const recovered = await driver.recover(requestFor(history, sandbox), quiet);
    await expectUntouched();
    expect(await rowCount(recovered)).toBe(1700);
    expect((await lstat(join(sandbox.dataDir, "pg_replslot"))).isDirectory()).toBe(true);
  });

  it("as a slot, or deeper in one, is removed as a link", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await filled(sandbox);
    const slots = join(sandbox.dataDir, "pg_replslot");
    await mkdir(join(slots, "slot/deep"), { recursive: true });
    await symlink(victim, join(slots, "linked"));
    await symlink(victim, join(slots, "slot/deep/linked"));
    await prepareDataDir(requestFor(history, sandbox), true);
    await expectUntouched();
    expect(await readdir(slots)).toEqual([]);
  });

  it("in the place of the data directory or of a file we read is not followed", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await filled(sandbox);
    const elsewhere = join(sandbox.ref.dir, "elsewhere");
    await run("cp", ["-a", sandbox.dataDir, elsewhere]);
    const request = requestFor(history, sandbox);
    const control = join(sandbox.dataDir, "global/pg_control");
    await rm(control);
    await symlink(join(elsewhere, "global/pg_control"), control);
    await expect(prepareDataDir(request, true)).rejects.toMatchObject({ code: "RESTORE_NO_CLUSTER" });
    await rm(sandbox.dataDir, { recursive: true });
    await symlink(elsewhere, sandbox.dataDir);
    await expect(prepareDataDir(request, true)).rejects.toMatchObject({ code: "RESTORE_NO_CLUSTER" });
    expect(await readdir(elsewhere)).toContain("postgresql.auto.conf");
    expect(await readdir(elsewhere)).not.toContain("postgresql.auto.conf.from-backup");
  });

  it("is not written through where the configuration goes, which stays ours", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await filled(sandbox);
    // Whoever is given the folder before its files are written has the time to do this.
    const quick = {
      ...plainSandboxes,
      own: async (ref: typeof sandbox.ref, path: string): Promise<void> => {
        await plainSandboxes.own(ref, path);
        if (path.endsWith("/conf")) await symlink(join(victim, "secret"), join(path, "postgresql.conf"));
      },
    };
    const random = (bytes: number): Buffer => Buffer.alloc(bytes, 1);
    const deps = { sandboxes: quick, sessions, clock, random, totalMemoryBytes: 2 ** 30 };
    const recovered = await createRestoreDriver(deps).recover(requestFor(history, sandbox), quiet);
    await expectUntouched();
    expect(await rowCount(recovered)).toBe(1700);
    const conf = join(sandbox.ref.dir, "conf");
    for (const [path, mode] of [
      [conf, 0o750],
      [join(conf, "postgresql.conf"), 0o640],
      [join(conf, "pg_hba.conf"), 0o640],
    ] as const) {
      const { uid, gid, mode: actual } = await stat(path);
      expect([uid, gid, actual & 0o777]).toEqual([process.getuid?.(), sandbox.ref.gid, mode]);
    }
  });

  it("in the place of an earlier configuration is removed", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await filled(sandbox);
    await symlink(victim, join(sandbox.ref.dir, "conf"));
    expect(await rowCount(await driver.recover(requestFor(history, sandbox), quiet))).toBe(1700);
    await expectUntouched();
  });

  it("is not followed when an earlier attempt is removed", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await mkdir(join(sandbox.dataDir, "base/5"), { recursive: true });
    await symlink(victim, join(sandbox.dataDir, "base/5/linked"));
    await rm(join(sandbox.ref.dir, "spool"), { recursive: true });
    await symlink(victim, join(sandbox.ref.dir, "spool"));
    await createRestorePlace(plainSandboxes).prepare(sandbox.ref, TIMEOUT);
    await expectUntouched();
    expect(await readdir(sandbox.dataDir)).toEqual([]);
    expect((await lstat(join(sandbox.ref.dir, "spool"))).isDirectory()).toBe(true);
  });

  it("is not read as the server's log, its state or its history", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const log = join(sandbox.ref.dir, "log/postgres.log");
    await symlink(join(victim, "secret"), log);
    expect(await readLogTail(log)).toBe("");
    expect(await new GrowingLog(log).news()).toBe("");
    const pid = join(folder.dir, "pid");
    await writeFile(pid, `${process.pid}\n${sandbox.dataDir}\n`);
    await symlink(pid, join(sandbox.dataDir, "postmaster.pid"));
    expect(await readPostmasterFile(sandbox.dataDir)).toBeNull();
    await mkdir(join(sandbox.dataDir, "pg_wal"));
    const history2 = join(folder.dir, "00000002.history");
    await writeFile(history2, "1\t0/5000000\tforged\n");
    await symlink(history2, join(sandbox.dataDir, "pg_wal/00000002.history"));
    expect(await replayedTimeline(sandbox.dataDir, "0/3000000", "latest", 1)).toEqual({
      timeline: 2,
      from: "recovery_target_timeline",
    });
  });

  it("cannot lead away from a folder that is held", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await mkdir(join(sandbox.dataDir, "slots"));
    await using held = await HeldFolder.open(join(sandbox.dataDir, "slots"));
    await rm(join(sandbox.dataDir, "slots"), { recursive: true });
    await symlink(victim, join(sandbox.dataDir, "slots"));
    await expect(held.write("new", "text", { uid: -1, gid: -1 }, 0o600)).rejects.toMatchObject({ code: "ENOENT" });
    await held.remove("precious");
    await expectUntouched();
  });
});

describe("a FIFO that was planted in a sandbox", () => {
  it("does not hold us", { timeout: 10_000 }, async () => {
    await using folder = await testFolder();
    const dir = join(folder.dir, "data");
    await mkdir(dir);
    await chmod(dir, 0o700);
    await run("mkfifo", [join(dir, "postmaster.pid"), join(dir, "postgres.log")]);
    expect(await readPostmasterFile(dir)).toBeNull();
    expect(await livePostmaster(dir)).toBeNull();
    expect(await readLogTail(join(dir, "postgres.log"))).toBe("");
  });
});
