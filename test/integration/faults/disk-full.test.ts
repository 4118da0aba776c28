import { mkdir, readdir, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { diskFullStep } from "../../../src/steps/fault/disk-full.ts";
import { runStep } from "../../support/checks-context.ts";
import { faultDrivers, type FaultScene, faultScene, runFolder } from "../../support/faults-scene.ts";
import { mountTmpfs, ontoTmpfs } from "../../support/own-file-system.ts";
import { openSession } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;
const mib = 1024 * 1024;
const root = process.getuid?.() === 0;
const lack = root ? "" : " (SKIPPED: needs root, to mount a small file system)";

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

describe.skipIf(!root)(`a ballast file${lack}`, () => {
  test("leaves the room it was told to, or none, and its undo gives all back", async () => {
    await using folder = await runFolder();
    const dir = join(folder.dir, "disk");
    await using _mounted = await mountTmpfs(dir, "24m");
    const { faults } = faultDrivers(folder.dir);
    for (const leave of [0, 3 * mib]) {
      const locator = await faults.disk.plan(dir, leave, 100 * mib, { run: "run-1", needed: [folder.dir] });
      const { detail } = await faults.disk.fill(locator, signal);
      expect(await freeBytes(dir)).toBe(leave);
      expect(detail).toContain(`${leave} are left`);
      expect((await faults.undo.disk.verifyGone(locator, signal)).gone).toBe(false);
      await faults.undo.disk.undo(locator, signal);
      await faults.undo.disk.undo(locator, signal);
      expect((await faults.undo.disk.verifyGone(locator, signal)).gone).toBe(true);
      expect(await freeBytes(dir)).toBe(24 * mib);
    }
  });

  test("is refused where others need the room, and over its limit; nothing is written", async () => {
    await using folder = await runFolder();
    const dir = join(folder.dir, "disk");
    await using _mounted = await mountTmpfs(dir, "24m");
    const { faults } = faultDrivers(folder.dir);
    const scope = { run: "run-1", needed: [] };
    const refused = { code: "FAULT_REFUSED" };
    await expect(faults.disk.plan(tmpdir(), 0, 1e15, scope)).rejects.toMatchObject(refused);
    await expect(faults.disk.plan("/", 0, 1e15, scope)).rejects.toMatchObject(refused);
    await expect(faults.disk.plan(dir, 0, 23 * mib, scope)).rejects.toMatchObject(refused);
    await mkdir(join(dir, "other-node"));
    const shared = { run: "run-1", needed: [join(dir, "other-node")] };
    await expect(faults.disk.plan(dir, 0, 100 * mib, shared)).rejects.toThrow("same file system");
    expect(await readdir(dir)).toEqual(["other-node"]);
    await expect(
      faults.undo.disk.undo({ path: "/etc/passwd", leaveBytes: 0, maxBytes: 0 }, signal),
    ).rejects.toMatchObject({
      code: "FAULT_LOCATOR",
    });
  });
});

describe.skipIf(!root)(`a primary whose file system is full${lack}`, () => {
  let scene: FaultScene;
  let mounted: AsyncDisposable;
  beforeAll(async () => {
    scene = await faultScene({ names: ["a", "b"] });
    mounted = await ontoTmpfs(scene.node("a"), scene.control, "192m");
  });
  afterAll(async () => {
    await scene.control.kill(scene.node("a"), { supervisor: false }, signal).catch(() => undefined);
    await mounted[Symbol.asyncDispose]();
    await scene[Symbol.asyncDispose]();
  });

  test("fails its writers with an error or dies, and is in service again once there is room", async () => {
    const ctx = scene.context();
    await runStep(diskFullStep(scene), {}, ctx);
    expect(ctx.recorded.marks).toMatchObject([{ mark: "T0", note: "fault/disk-full a" }]);
    const database = nodeDatabase(scene.system, scene.node("a"));
    const writes = async (): Promise<void> => {
      await using session = await openSession(database);
      await session.query("create table big as select repeat('x', 100) as t from generate_series(1, 400000)");
    };
    await expect(writes()).rejects.toMatchObject({ code: expect.stringMatching(/^PG_/u) as string });
    const [proof] = await scene.cleanUp(ctx);
    expect(proof).toMatch(/does not exist; asked: a primary, b standby$/u);
    await using session = await openSession(database);
    await session.query("create table small (n int)");
  });

  test("a server that died of it and was superseded is held back", async () => {
    const ctx = scene.context();
    await runStep(diskFullStep(scene), {}, ctx);
    await scene.control.kill(scene.node("a"), { supervisor: false }, signal);
    await scene.promote("b");
    const [proof] = await scene.cleanUp(ctx);
    expect(proof).toMatch(/does not exist; asked: a unreachable, b primary$/u);
    expect(await scene.control.heldBack(scene.node("a"))).toBe(true);
  });
});

describe.skipIf(!root)(`on a full file system${lack}`, () => {
  test("a server can be held back and let go; a standby's own empty file stays", async () => {
    await using folder = await runFolder();
    const dataDir = join(folder.dir, "disk");
    await using _mounted = await mountTmpfs(dataDir, "4m");
    const { control, faults } = faultDrivers(folder.dir);
    const node = { ...FULL, dataDir };
    const locator = await faults.disk.plan(dataDir, 0, 100 * mib, { run: "run-1", needed: [] });
    await faults.disk.fill(locator, signal);
    await control.holdBack(node);
    await control.holdBack(node);
    expect(await control.heldBack(node)).toBe(true);
    await control.letGo(node);
    expect(await control.heldBack(node)).toBe(false);
    await writeFile(join(dataDir, "standby.signal"), "");
    await control.letGo(node);
    expect(await control.heldBack(node)).toBe(true);
  });
});

const FULL = {
  name: "full",
  endpoint: { host: "127.0.0.1", port: 1 },
  bin: null,
  start: null,
  stop: null,
  supervisorPidFile: null,
  patroni: null,
};
