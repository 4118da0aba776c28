import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { connectTo, launchServer, NPM_BIN, queryOnce, temporaryFolder, until } from "../../support/backups-cluster.ts";
import {
  copyScene,
  makeSandbox,
  makeScene,
  onlyBackup,
  quietWatch,
  recoverySettings,
  type Scene,
  source,
} from "../../support/backups-scene.ts";

const home = temporaryFolder();
let scene: Scene;
let folder: ReturnType<typeof temporaryFolder>;
let at: ReturnType<typeof copyScene>;

beforeAll(async () => {
  scene = await makeScene(home.path);
});
afterAll(() => home.remove());
beforeEach(() => {
  folder = temporaryFolder();
  at = copyScene(scene, folder.path);
});
afterEach(() => folder.remove());

/** Fetches, starts a server in recovery fed by us, and waits until it was promoted or ended. */
async function recover(name = "sandbox") {
  const backup = await onlyBackup(at.location, at.archive);
  const root = join(folder.path, name);
  mkdirSync(root, { recursive: true });
  const sandbox = makeSandbox(root);
  const data = join(sandbox.dir, "data");
  await source().fetch(
    backup,
    { dir: data, tablespaceRoot: join(sandbox.dir, "tablespaces"), uid: sandbox.uid, gid: sandbox.gid },
    quietWatch(),
  );
  await using feed = await source().feedWal(backup, { dir: join(sandbox.dir, "spool"), sandbox }, quietWatch());
  recoverySettings(data, {
    restore_command: feed.restoreCommand,
    archive_mode: "off",
    port: "5433",
    unix_socket_directories: folder.path,
    shared_preload_libraries: "",
  });
  const server = launchServer(NPM_BIN, data);
  try {
    const ended = server.exited.then((code) => ({ kind: "ended" as const, code }));
    const opened = until(async () =>
      (await isOpen())
        ? { kind: "opened" as const }
        : server.process.exitCode === null
          ? undefined
          : { kind: "ended" as const, code: server.process.exitCode },
    );
    const outcome = await Promise.race([opened, ended]);
    const rows =
      outcome.kind === "opened" ? await queryOnce(folder.path, "select count(*)::int as n from t", 5433) : [];
    return { outcome, rows, log: server.log(), failure: feed.failure(), handedOver: feed.handedOver() };
  } finally {
    await server.stop();
  }
}

async function isOpen(): Promise<boolean> {
  try {
    const client = await connectTo(folder.path, 5433);
    try {
      const { rows } = await client.query<{ recovering: boolean }>("select pg_is_in_recovery() as recovering");
      return rows[0]?.recovering === false;
    } finally {
      await client.end();
    }
  } catch {
    return false;
  }
}

test("a server replays all archived WAL through the spool and promotes", async () => {
  const { outcome, rows, failure, handedOver } = await recover();
  expect(outcome).toEqual({ kind: "opened" });
  expect(rows).toEqual([{ n: 1500 }]);
  expect(failure).toBeNull();
  expect(handedOver.segments).toBeGreaterThanOrEqual(scene.segments.length);
});

test("a path with spaces, quotes, percent and backslash is no obstacle, nor are compressed segments", async () => {
  for (const [index, name] of scene.segments.entries()) {
    const path = join(at.archive, name);
    const bytes = readFileSync(path);
    renameSync(path, join(folder.path, name));
    writeFileSync(
      `${path}${index % 2 === 0 ? ".gz" : ".zst"}`,
      index % 2 === 0 ? gzipSync(bytes) : zstdCompressSync(bytes),
    );
  }
  const { outcome, rows } = await recover(String.raw`it's "100%" \ here`);
  expect(outcome).toEqual({ kind: "opened" });
  expect(rows).toEqual([{ n: 1500 }]);
});

test("damage inside a compressed segment stops the server instead of promoting it with less data", async () => {
  const name = scene.segments[2] ?? "";
  const bytes = gzipSync(readFileSync(join(at.archive, name)));
  renameSync(join(at.archive, name), join(folder.path, name));
  writeFileSync(join(at.archive, `${name}.gz`), bytes.subarray(0, bytes.length - 200));
  const { outcome, failure, log } = await recover();
  expect(failure).toMatchObject({
    code: "BACKUP_COMPRESSION",
    message: expect.stringContaining(`${name}.gz`) as unknown,
  });
  expect(outcome).toEqual({ kind: "ended", code: 1 });
  expect(log).toContain("could not restore file");
  expect(log).not.toContain("selected new timeline ID");
});

test("the spool belongs to the sandbox's user and is emptied when the feed ends", async () => {
  await recover();
  const spool = join(folder.path, "sandbox", "sandbox", "spool");
  expect(existsSync(join(spool, "closed"))).toBe(true);
  expect(readdirSync(spool)).not.toContain("ready");
});
