import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { holdBack } from "../../../src/databases/postgres/node/hold-back.ts";
import { nodePlace } from "../../../src/databases/postgres/node/node-place.ts";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import { faultDrivers, runFolder } from "../../support/faults-scene.ts";
import { serviceUser } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;

function folderOf(uid: number, gid: number, dir: string): NodeSpec {
  const dataDir = join(dir, "data");
  mkdirSync(dataDir, { mode: 0o700 });
  chownSync(dataDir, uid, gid);
  const endpoint = { host: "127.0.0.1", port: 1 };
  return { name: "a", endpoint, dataDir, bin: null, start: null, stop: null, supervisorPidFile: null, patroni: null };
}

async function bystander(cwd: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn("/bin/sleep", ["60"], { cwd, stdio: "ignore" });
  await once(child, "spawn");
  if (child.pid === undefined) throw new Error("sleep did not start");
  return Object.assign(child, { pid: child.pid });
}

// As root only: then a file of the server's user is what somebody else says.
describe.runIf(serviceUser !== null)("a server's user who writes numbers of others' processes", () => {
  const { uid, gid } = serviceUser ?? { uid: 0, gid: 0 };

  test("into postmaster.pid: who stands in the data directory and is not that user is no server", async () => {
    await using folder = await runFolder();
    chmodSync(folder.dir, 0o755);
    const { control } = faultDrivers(join(folder.dir, "logs"));
    const node = folderOf(uid, gid, folder.dir);
    const shell = await bystander(node.dataDir ?? "");
    try {
      writeFileSync(join(node.dataDir ?? "", "postmaster.pid"), `${shell.pid}\n${node.dataDir}\n`);
      expect(await control.running(node)).toBe(false);
      await expect(control.kill(node, { supervisor: false }, signal)).rejects.toMatchObject({ code: "NODE_DOWN" });
      expect(await control.stop(node, "immediate", 0, signal)).toEqual({ kind: "was_down" });
      expect(shell.signalCode).toBeNull();
    } finally {
      shell.kill("SIGKILL");
    }
  });

  test("into the supervisor's pid file: only its own process, unless root wrote it", async () => {
    await using folder = await runFolder();
    const { control } = faultDrivers(join(folder.dir, "logs"));
    const supervisorPidFile = join(folder.dir, "patroni.pid");
    const node = { ...folderOf(uid, gid, folder.dir), supervisorPidFile };
    const daemon = await bystander("/");
    try {
      writeFileSync(supervisorPidFile, `${daemon.pid}\n`);
      expect(await control.processes(node, true)).toEqual({ pids: [], supervisor: daemon.pid });
      chownSync(supervisorPidFile, uid, gid);
      await expect(control.processes(node, true)).rejects.toMatchObject({ code: "NODE_SUPERVISOR" });
      await expect(control.thaw(node)).rejects.toMatchObject({ code: "NODE_SUPERVISOR" });
    } finally {
      daemon.kill("SIGKILL");
    }
  });

  test("and who turns the data directory into a link meanwhile gets no file elsewhere", async () => {
    await using folder = await runFolder();
    const node = folderOf(uid, gid, folder.dir);
    const place = await nodePlace(node);
    const elsewhere = join(folder.dir, "cron.d");
    mkdirSync(elsewhere);
    renameSync(place.dataDir, `${place.dataDir}.moved`);
    symlinkSync(elsewhere, place.dataDir);
    await expect(holdBack(place)).rejects.toThrow(/ENOTDIR|ELOOP/u);
    expect(existsSync(join(elsewhere, "standby.signal"))).toBe(false);
    // One level up as well, by a folder that is there under the same name.
    mkdirSync(join(folder.dir, "above", "data"), { recursive: true });
    await expect(holdBack({ ...place, dataDir: join(folder.dir, "above", "data") })).rejects.toThrow(
      /is not what it was/u,
    );
    expect(existsSync(join(folder.dir, "above", "data", "standby.signal"))).toBe(false);
    await holdBack({ ...place, dataDir: `${place.dataDir}.moved` });
    expect(lstatSync(`${place.dataDir}.moved/standby.signal`).uid).toBe(uid);
  });
});
