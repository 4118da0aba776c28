import { execFile, spawn } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";
import { sandboxIds, serviceUser } from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";

const signal = new AbortController().signal;
const run = promisify(execFile);

describe("a server of this machine", () => {
  let scene: FaultScene;
  let a: NodeSpec;
  beforeAll(async () => {
    scene = await faultScene({ names: ["a", "b"] });
    a = scene.node("a");
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  async function kind(node: NodeSpec): Promise<string | undefined> {
    const [view] = await scene.replication.observe(scene.system, [node], { timeoutMs: 2000, signal });
    return view?.kind;
  }

  test("stopped in order says so, with its last checkpoint, and starts again as it was, as its owner, in its own session", async () => {
    const stopped = await scene.control.stop(a, "fast", 20_000, signal);
    expect(stopped).toMatchObject({ kind: "stopped", forced: false, clean: true });
    expect(stopped.kind === "stopped" && stopped.lastCheckpointLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/u);
    expect(await scene.control.stop(a, "fast", 20_000, signal)).toEqual({ kind: "was_down" });
    await scene.control.start(a, signal);
    expect(await kind(a)).toBe("primary");
    const [postmaster = 0] = (await scene.control.processes(a, false)).pids;
    const status = await readFile(`/proc/${postmaster}/status`, "utf8");
    expect(status).toContain(`Uid:\t${sandboxIds.uid}\t`);
    const stat = (await readFile(`/proc/${postmaster}/stat`, "latin1")).split(") ")[1]?.split(" ") ?? [];
    // Process group and session are its own.
    expect(stat.slice(2, 4)).toEqual([String(postmaster), String(postmaster)]);
  });

  test("stopped as a crash, or with no grace at all, is not clean", async () => {
    for (const grace of [5000, 0]) {
      const stopped = await scene.control.stop(a, "immediate", grace, signal);
      expect(stopped).toMatchObject({ kind: "stopped", forced: grace === 0, clean: false });
      await scene.control.start(a, signal);
      expect(await kind(a)).toBe("primary");
    }
  });

  test("frozen is stopped by force, without being woken", async () => {
    await scene.control.freeze(a, { supervisor: false }, signal);
    expect(await scene.control.frozen(a)).toBe(true);
    // Waiting for it would outlast the test.
    expect(await scene.control.stop(a, "fast", 600_000, signal)).toMatchObject({ forced: true, clean: false });
    expect(await scene.control.running(a)).toBe(false);
    await scene.control.start(a, signal);
  });

  test("whose program cannot be run says so", async () => {
    await scene.control.stop(a, "fast", 20_000, signal);
    const opts = join(a.dataDir ?? "", "postmaster.opts");
    const before = await readFile(opts, "utf8");
    // There, and no program.
    await writeFile(opts, `${join(a.dataDir ?? "", "PG_VERSION")} "-D" "${a.dataDir ?? ""}"\n`);
    const error: unknown = await scene.control.start(a, signal).catch((thrown: unknown) => thrown);
    await writeFile(opts, before);
    await scene.control.start(a, signal);
    expect(error).toMatchObject({ code: "NODE_START", message: containing("EACCES") });
    expect(await kind(a)).toBe("primary");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "below a folder that only root may enter starts as its owner all the same (SKIPPED unless root)",
    async () => {
      await scene.control.stop(a, "fast", 20_000, signal);
      await chmod(scene.ha.dir, 0o700);
      try {
        await scene.control.start(a, signal);
        expect(await kind(a)).toBe("primary");
        const [postmaster = 0] = (await scene.control.processes(a, false)).pids;
        expect(await readFile(`/proc/${postmaster}/status`, "utf8")).toContain(`Uid:\t${sandboxIds.uid}\t`);
      } finally {
        await chmod(scene.ha.dir, 0o755);
      }
    },
  );

  test("held back it starts as a standby; let go, as what it was; a standby's own signal file stays", async () => {
    await scene.control.stop(a, "fast", 20_000, signal);
    await scene.control.holdBack(a);
    await scene.control.holdBack(a);
    await scene.control.start(a, signal);
    expect(await kind(a)).toBe("standby");
    await scene.control.stop(a, "fast", 20_000, signal);
    await scene.control.letGo(a);
    expect(await scene.control.heldBack(a)).toBe(false);
    await scene.control.start(a, signal);
    expect(await kind(a)).toBe("primary");
    const b = scene.node("b");
    await scene.control.holdBack(b);
    await scene.control.letGo(b);
    expect(await scene.control.heldBack(b)).toBe(true);
  });

  test("commands of the inventory start and stop it, and what they say is in the error", async () => {
    const bin = a.bin ?? "";
    const as =
      serviceUser === null
        ? []
        : ["setpriv", `--reuid=${serviceUser.uid}`, `--regid=${serviceUser.gid}`, "--clear-groups"];
    const log = join(scene.ha.dir, "a", "by-command.log");
    const port = ["-o", `-p ${a.endpoint.port} -c listen_addresses=127.0.0.1`];
    const ctl = (...args: string[]): readonly string[] => [...as, join(bin, "pg_ctl"), "-D", a.dataDir ?? "", ...args];
    const node = { ...a, start: ctl("-l", log, ...port, "start"), stop: ctl("-m", "fast", "stop") };
    expect(await scene.control.stop(node, "fast", 20_000, signal)).toMatchObject({ forced: false, clean: true });
    await scene.control.start(node, signal);
    expect(await kind(a)).toBe("primary");
    const broken = { ...a, stop: ["sh", "-c", "echo no such unit >&2; exit 4"], start: ["/nonexistent/start"] };
    await expect(scene.control.stop(broken, "fast", 1000, signal)).rejects.toMatchObject({
      code: "NODE_STOP",
      message: "a was not stopped: sh ended with 4: no such unit",
    });
    await scene.control.stop(node, "fast", 20_000, signal);
    await expect(scene.control.start(broken, signal)).rejects.toThrow("ENOENT");
    // One that hangs is given up on, and the server dies all the same.
    await scene.control.start(a, signal);
    const hanging = { ...a, stop: ["sleep", "600"] };
    expect(await scene.control.stop(hanging, "fast", 300, signal)).toMatchObject({ forced: true });
    await scene.control.start(a, signal);
  });

  test("a start that fails says why", async () => {
    await scene.control.stop(a, "fast", 20_000, signal);
    const opts = join(a.dataDir ?? "", "postmaster.opts");
    const before = await readFile(opts, "utf8");
    await writeFile(opts, before.replace(/\n$/u, ' "-c" "no_such_setting=1"\n'));
    await expect(scene.control.start(a, signal)).rejects.toThrow(/a did not start: .*no_such_setting/u);
    await writeFile(opts, "");
    await expect(scene.control.start(a, signal)).rejects.toThrow("does not say how it was started");
    await writeFile(opts, before);
    await scene.control.start(a, signal);
  });

  test("a supervisor dies or freezes first, and is what the pid file names and no other process", async () => {
    const pidFile = join(scene.ha.dir, "supervisor.pid");
    const supervisor = spawn("sleep", ["600"], { stdio: "ignore" });
    const node = { ...a, supervisorPidFile: pidFile };
    await writeFile(pidFile, `${supervisor.pid}\n`);
    await expect(scene.control.kill(a, { supervisor: true }, signal)).rejects.toMatchObject({
      code: "NODE_SUPERVISOR",
    });
    await expect(scene.control.stop(node, "fast", 1000, signal)).rejects.toMatchObject({ code: "NODE_SUPERVISOR" });
    expect((await scene.control.processes(node, true)).supervisor).toBe(supervisor.pid);
    await scene.control.freeze(node, { supervisor: true }, signal);
    expect(await readFile(`/proc/${supervisor.pid}/stat`, "latin1")).toMatch(/ T /u);
    await scene.control.thaw(node);
    expect(await scene.control.frozen(node)).toBe(false);
    expect(await kind(a)).toBe("primary");
    const gone = new Promise((resolve) => supervisor.once("exit", (_code, by) => resolve(by)));
    await scene.control.kill(node, { supervisor: true }, signal);
    expect(await gone).toBe("SIGKILL");
    // A process that began long after the file was written is somebody else's.
    await run("touch", ["-d", "2001-01-01", pidFile]);
    await writeFile(pidFile, `${process.pid}\n`);
    await expect(scene.control.processes(node, true)).rejects.toMatchObject({ code: "NODE_SUPERVISOR" });
    const other = spawn("sleep", ["600"], { stdio: "ignore" });
    await writeFile(pidFile, `${other.pid}\n`);
    await run("touch", ["-d", "2001-01-01", pidFile]);
    await expect(scene.control.processes(node, true)).rejects.toThrow("must be another one");
    other.kill("SIGKILL");
    await scene.control.start(a, signal);
  });

  test("who merely stands in the data directory is no server", async () => {
    const visitor = spawn("sleep", ["600"], { cwd: a.dataDir ?? "", stdio: "ignore" });
    try {
      await new Promise((resolve) => visitor.once("spawn", resolve));
      expect((await scene.control.processes(a, false)).pids).not.toContain(visitor.pid);
    } finally {
      visitor.kill("SIGKILL");
    }
  });

  test.skipIf(process.getuid?.() !== 0)(
    "root without the right to look into processes finds its servers by descent (SKIPPED unless root)",
    async () => {
      const { pids } = await scene.control.processes(a, false);
      expect(await asSeenBy(["--bounding-set=-sys_ptrace"], a)).toEqual(JSON.stringify(pids));
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    "an ordinary user who is not the owner kills nothing (SKIPPED unless root)",
    async () => {
      const somebody = ["--reuid=54321", "--regid=54321", "--clear-groups"];
      expect(await asSeenBy(somebody, a, "kill")).toMatch(/^NODE_(?:SIGNAL|NOT_LOCAL|HIDDEN)$/u);
      expect(await kind(a)).toBe("primary");
    },
  );
});

/** In a process of its own with fewer rights. */
async function asSeenBy(rights: readonly string[], node: NodeSpec, act: "list" | "kill" = "list"): Promise<string> {
  const call =
    act === "list"
      ? "console.log(JSON.stringify((await control.processes(node, false)).pids))"
      : "await control.kill(node, { supervisor: false }, new AbortController().signal).catch((e) => console.log(e.code))";
  const script = `
    import { createNodeControl } from "./src/databases/postgres/node/node-control.ts";
    import { systemClock } from "./src/support/system-clock.ts";
    const node = ${JSON.stringify(node)};
    const control = createNodeControl({ clock: systemClock(), logDir: "/nonexistent", uid: process.getuid(), path: "" });
    ${call};`;
  const args = [...rights, "--", process.execPath, "--input-type=module-typescript", "-e", script];
  const { stdout } = await run("setpriv", args);
  return stdout.trim();
}
