import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { livePostmaster } from "../../../src/databases/postgres/postmaster-file.ts";
import { assertProfile } from "../../../src/databases/postgres/recovery/assert-profile.ts";
import { createRestoreDriver } from "../../../src/databases/postgres/recovery/recover.ts";
import { createRestorePlace } from "../../../src/databases/postgres/recovery/restore-place.ts";
import { safeProfile } from "../../../src/databases/postgres/recovery/safe-profile.ts";
import { spawnLauncher } from "../../../src/databases/postgres/launcher.ts";
import type { Sessions } from "../../../src/steps/ports/postgres.ts";
import type { Watch } from "../../../src/steps/ports/backup-source.ts";
import { copyOwned, type History, makeHistory, startLab } from "../../support/pg-history.ts";
import { clock, majors, openSession, own, quiet, serviceUser, sessions, testFolder } from "../../support/pg-machine.ts";
import {
  driver,
  makeSandbox,
  plainFeed,
  plainSandboxes,
  requestFor,
  restore,
  rowCount,
} from "../../support/pg-restore.ts";
import { containing, matching } from "../../support/pg-matchers.ts";

describe("the server of a restored copy", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let history: History;

  beforeAll(async () => {
    folder = await testFolder();
    history = await makeHistory(folder.dir, majors[0] ?? 18, { wal_level: "logical" });
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  it("has the safe profile, although the backup brings its own settings along", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const request = requestFor(history, sandbox);
    await copyOwned(request.backup.path, sandbox.dataDir);
    const source = await readFile(join(sandbox.dataDir, "postgresql.auto.conf"), "utf8");
    expect(source).toContain("archive_mode = 'on'");
    const { profile, database } = await driver.recover(request, {
      signal: AbortSignal.timeout(60_000),
      progress: () => undefined,
    });
    expect(profile.probes.every(({ ok }) => ok)).toBe(true);
    expect(profile.probes.map(({ probe }) => probe)).toContain("setting archive_mode");
    await using session = await openSession(database);
    const rows = await session.query<{ name: string; setting: string }>(
      "select name, setting from pg_settings where name in ('archive_mode', 'primary_conninfo', 'listen_addresses', 'max_logical_replication_workers', 'shared_preload_libraries', 'config_file') order by name",
    );
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      archive_mode: "off",
      config_file: join(sandbox.ref.dir, "conf/postgresql.conf"),
      listen_addresses: "127.0.0.1",
      max_logical_replication_workers: "0",
      primary_conninfo: "",
      shared_preload_libraries: "",
    });
  });

  it("is refused when one setting of the profile is not what it must be", async () => {
    await using server = await startLab(folder.dir, "primary", history.binaries, join(folder.dir, "another-archive"));
    await using session = await openSession(server.database);
    await expect(assertProfile(session, safeProfile([], history.binaries.major))).rejects.toMatchObject({
      code: "SANDBOX_PROFILE",
      class: "permanent",
      message: matching(
        /setting archive_mode is "on", must be "off"; .*setting max_logical_replication_workers is "4", must be "0"/u,
      ),
    });
  });

  it("takes another port when somebody has its own", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const squatter = createServer().listen(sandbox.ref.port, "127.0.0.1");
    try {
      const recovered = await restore(history, sandbox);
      expect(recovered.database.port).not.toBe(sandbox.ref.port);
      expect(await rowCount(recovered)).toBe(1700);
    } finally {
      squatter.close();
    }
  });

  it("gives up after five ports that are all taken", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const squatter = createServer().listen(sandbox.ref.port, "127.0.0.1");
    let launches = 0;
    // Whatever port is chosen, the server is sent to the one that is taken.
    const stubborn = createRestoreDriver({
      sandboxes: {
        ...plainSandboxes,
        launch: (ref, launch, signal) => {
          launches += 1;
          return plainSandboxes.launch(
            ref,
            { ...launch, argv: [...launch.argv, "-c", `port=${sandbox.ref.port}`] },
            signal,
          );
        },
      },
      sessions,
      clock,
      random: (bytes) => Buffer.alloc(bytes, 1),
      totalMemoryBytes: 2 ** 30,
    });
    try {
      const request = requestFor(history, sandbox);
      await copyOwned(request.backup.path, sandbox.dataDir);
      await expect(
        stubborn.recover(request, { signal: AbortSignal.timeout(60_000), progress: () => undefined }),
      ).rejects.toMatchObject({ code: "PG_NO_PORT", class: "transient" });
      expect(launches).toBe(5);
    } finally {
      squatter.close();
    }
  });

  it("works in a folder whose path is too long for a unix socket", async () => {
    await using sandbox = await makeSandbox(join(folder.dir, "a".repeat(60), "b".repeat(60)));
    expect(sandbox.ref.dir.length).toBeGreaterThan(120);
    expect(await rowCount(await restore(history, sandbox))).toBe(1700);
  });

  it("has a password of its own that is in one file only", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const { database, password } = await restore(history, sandbox);
    if (typeof password !== "string") throw new Error("no password");
    const path = password.replace(/^file:/u, "");
    const secret = await readFile(path, "utf8");
    expect(secret).toMatch(/^[0-9a-f]{48}$/u);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await sandbox.log()).not.toContain(secret);
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
      expect(await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).not.toContain(secret);
    }
    // Over TCP the role and its password get in, a superuser of the backup does not.
    const tcp = { ...database, host: "127.0.0.1", password };
    await using session = await openSession({ ...tcp, user: "firedrill" });
    expect(await session.query("select current_user as who")).toEqual([{ who: "firedrill" }]);
    await expect(openSession(tcp)).rejects.toMatchObject({ code: "PG_REFUSED" });
    await expect(
      openSession({ ...tcp, user: "firedrill", password: `file:${join(sandbox.dataDir, "PG_VERSION")}` }),
    ).rejects.toMatchObject({ code: "PG_REFUSED" });
  });

  it("that is killed during recovery is told as killed, and nothing is left running", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    // A restore command that never comes back holds the replay where the kill finds it.
    const wal = plainFeed(history.archive, { restoreCommand: "sleep 3 # %f %p" });
    const request = requestFor(history, sandbox, { wal });
    await copyOwned(request.backup.path, sandbox.dataDir);
    const launched = Promise.withResolvers<number>();
    const watched = createRestoreDriver({
      sandboxes: {
        ...plainSandboxes,
        launch: async (ref, launch, signal) => {
          const server = await plainSandboxes.launch(ref, launch, signal);
          launched.resolve(server.pid);
          return server;
        },
      },
      sessions,
      clock,
      random: (bytes) => Buffer.alloc(bytes, 1),
      totalMemoryBytes: 2 ** 30,
    });
    const outcome = watched.recover(request, { signal: AbortSignal.timeout(60_000), progress: () => undefined });
    process.kill(await launched.promise, "SIGKILL");
    await expect(outcome).rejects.toMatchObject({
      code: "RESTORE_SERVER_KILLED",
      class: "transient",
      message: containing("killed by SIGKILL"),
    });
    expect(await livePostmaster(sandbox.dataDir)).toBeNull();
  });

  it("that ends before we are connected is told by its end, not by the connection", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const request = requestFor(history, sandbox, { until: "name:never" });
    await copyOwned(request.backup.path, sandbox.dataDir);
    // Connects only when the server has gone.
    const late: Sessions = {
      async open(database, options) {
        while ((await livePostmaster(sandbox.dataDir)) !== null) await new Promise((resolve) => setImmediate(resolve));
        return sessions.open(database, options);
      },
    };
    const outcome = createRestoreDriver({
      sandboxes: plainSandboxes,
      sessions: late,
      clock,
      random: (bytes) => Buffer.alloc(bytes, 1),
      totalMemoryBytes: 2 ** 30,
    });
    await expect(outcome.recover(request, quiet)).rejects.toMatchObject({ code: "RECOVERY_TARGET_NOT_REACHED" });
  });

  it("is stopped when the drill is aborted during replay", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const wal = plainFeed(history.archive, { restoreCommand: "sleep 3 # %f %p" });
    const request = requestFor(history, sandbox, { wal });
    await copyOwned(request.backup.path, sandbox.dataDir);
    const abort = new AbortController();
    const why = new Error("halted");
    // The first progress of the replay: the server is up and waits for its first segment.
    const watch: Watch = { signal: abort.signal, progress: ({ what }) => what === "replay" && abort.abort(why) };
    await expect(driver.recover(request, watch)).rejects.toBe(why);
    expect(await livePostmaster(sandbox.dataDir)).toBeNull();
    expect(await processesOn(sandbox.dataDir)).toEqual([]);
  });

  it("may flood its log without harm", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    const noise = `head -c 3000000 /dev/zero | tr '\\0' x >&2; cp '${history.archive}/%f' '%p'`;
    const recovered = await restore(history, sandbox, {
      wal: plainFeed(history.archive, { restoreCommand: noise }),
      until: "name:at 1000",
    });
    expect(await rowCount(recovered)).toBe(1000);
    expect((await sandbox.log()).length).toBeGreaterThan(3_000_000);
  });

  it("opens by itself where a standby would not say that it waits (before 15)", async () => {
    const older = createRestoreDriver({
      sandboxes: plainSandboxes,
      sessions,
      clock,
      random: (bytes) => Buffer.alloc(bytes, 1),
      totalMemoryBytes: 2 ** 30,
      waitingSaidSince: 99,
    });
    await using sandbox = await makeSandbox(folder.dir);
    const request = requestFor(history, sandbox, { expectedLsn: history.archiveEndLsn });
    await copyOwned(request.backup.path, sandbox.dataDir);
    const recovered = await older.recover(request, { signal: AbortSignal.timeout(60_000), progress: () => undefined });
    expect(await rowCount(recovered)).toBe(1700);
    expect(recovered.recoveryPoint).toMatchObject({ lsn: history.archiveEndLsn, timeline: 1 });
  });

  it("of an earlier attempt is stopped and its files removed before the next", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await restore(history, sandbox);
    expect(await livePostmaster(sandbox.dataDir)).not.toBeNull();
    const { files, spool } = await createRestorePlace(plainSandboxes).prepare(sandbox.ref, AbortSignal.timeout(60_000));
    expect(await processesOn(sandbox.dataDir)).toEqual([]);
    for (const dir of [files.dir, files.tablespaceRoot, spool.dir]) expect(await readdir(dir)).toEqual([]);
    expect(await rowCount(await restore(history, sandbox))).toBe(1700);
  });

  it("never runs as root", async () => {
    await using sandbox = await makeSandbox(folder.dir);
    await restore(history, sandbox);
    const pid = await livePostmaster(sandbox.dataDir);
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    expect(/^Uid:\s+(\d+)/mu.exec(status)?.[1]).not.toBe("0");
  });
});

describe("a process that only has the number of a server", () => {
  it("is not stopped", async () => {
    await using folder = await testFolder();
    const bystander = await spawnLauncher(serviceUser)(
      { argv: ["/bin/sleep", "60"], env: {}, cwd: "/", logPath: join(folder.dir, "log") },
      new AbortController().signal,
    );

    await writeFile(join(folder.dir, "postmaster.pid"), `${bystander.pid}\n${folder.dir}\n`);
    await own(folder.dir);
    expect(await livePostmaster(folder.dir)).toBeNull();
    process.kill(bystander.pid, "SIGKILL");
    await bystander.exited;
  });
});

/** Every process whose command line or working directory is of this data directory. */
async function processesOn(dataDir: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
    const args = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (args.split("\0").includes(dataDir)) found.push(args);
  }
  return found;
}
