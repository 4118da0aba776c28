import { readdirSync, readFileSync, rmSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { SandboxRef } from "../../../src/drills/sandbox-ref.ts";
import { readWatchdog } from "../../../src/sandboxes/process/record.ts";
import { orchestratorChild } from "../../support/sandbox-child.ts";
import {
  exists,
  harness,
  locatorOf,
  lockedFolder,
  running,
  soon,
  until,
  watchdogPid,
} from "../../support/sandbox-harness.ts";

describe("the watchdog", () => {
  test("ends the sandbox at its time to live, although the orchestrator was killed", async () => {
    await using h = harness();
    const began = performance.now();
    await using child = await orchestratorChild({ ...h, ttlMs: 2000, task: "crash" });
    expect(await child.ended).toBe("SIGKILL");
    expect(running(child.made.pid)).toBe(true);
    await gone(child.made.ref);
    expect(performance.now() - began).toBeGreaterThan(1000);
    expect(running(child.made.pid)).toBe(false);
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(child.made.ref), soon())).toMatchObject({ gone: true });
  });

  test.each(["first", "second"] as const)(
    "ends the sandbox at its time to live, although the orchestrator and its %s process were killed",
    async (which) => {
      await using h = harness();
      await using child = await orchestratorChild({ ...h, ttlMs: 3000, task: "hold" });
      child.kill();
      await child.ended;
      const { pid, second } = readWatchdog(child.made.ref.dir) ?? {};
      process.kill((which === "first" ? pid : second?.pid) ?? 0, "SIGKILL");
      expect(running(child.made.pid)).toBe(true);
      await gone(child.made.ref);
      expect(running(child.made.pid)).toBe(false);
      expect(await h.sandboxes.keeper.verifyGone(locatorOf(child.made.ref), soon())).toMatchObject({ gone: true });
      await until("both have ended", () => !running(pid ?? 0) && !running(second?.pid ?? 0));
    },
  );

  test("ends a server too, although the orchestrator is dead and the watchdog stopped for good", async () => {
    await using h = harness();
    await using child = await orchestratorChild({ ...h, ttlMs: 20_000, task: "serve" });
    child.kill();
    await child.ended;
    process.kill(watchdogPid(child.made.ref.dir), "SIGSTOP");
    expect(running(child.made.pid)).toBe(true);
    await gone(child.made.ref);
    expect(running(child.made.pid)).toBe(false);
  });

  test("leaves a sandbox alone that has time left, and every other one", async () => {
    await using h = harness();
    const stays = await h.make({ ttlMs: 600_000 });
    const program = { name: "sleep", argv: ["/bin/sleep", "1000"], env: {}, cwd: join(stays.dir, "data") };
    const { pid } = await h.sandboxes.launch(stays, program, soon());
    const ends = await h.make({ ttlMs: 1000 });
    await gone(ends);
    expect([running(pid), running(watchdogPid(stays.dir)), exists(stays.dir)]).toEqual([true, true, true]);
  });

  test("ends by itself when the folder is gone, with the processes that are left", async () => {
    await using h = harness();
    const ref = await h.make();
    const watchdog = watchdogPid(ref.dir);
    const program = { name: "sleep", argv: ["/bin/sleep", "1000"], env: {}, cwd: join(ref.dir, "data") };
    const { pid } = await h.sandboxes.launch(ref, program, soon());
    rmSync(ref.dir, { recursive: true });
    const began = performance.now();
    await until("the watchdog has ended", () => !running(watchdog));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(running(pid)).toBe(false);
  });

  test("TERM ends the sandbox at once", async () => {
    await using h = harness();
    const ref = await h.make();
    const over = gone(ref);
    process.kill(watchdogPid(ref.dir), "SIGTERM");
    await over;
    expect(exists(ref.dir)).toBe(false);
  });

  test("removes folders that were made unwritable", async () => {
    await using h = harness();
    const ref = await h.make({ ttlMs: 1000 });
    lockedFolder(join(ref.dir, "spool"));
    await gone(ref);
    expect(exists(ref.dir)).toBe(false);
  });

  test("is small: less than 4 MB of its own", async () => {
    await using h = harness();
    const ref = await h.make();
    const rollup = readFileSync(`/proc/${watchdogPid(ref.dir)}/smaps_rollup`, "utf8");
    expect(Number(/^Private_Dirty:\s+(\d+) kB/mu.exec(rollup)?.[1])).toBeLessThan(4096);
  });
});

describe("after a crash", () => {
  test("the next start finds the sandbox by its label, sees its owner dead, and removes it", async () => {
    await using h = harness();
    await using child = await orchestratorChild({ ...h, ttlMs: 600_000, task: "hold" });
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toMatchObject([
      { run: "run-child", title: "made by a child", ownerAlive: true },
    ]);
    child.kill();
    await child.ended;
    const [found] = await h.sandboxes.keeper.list(h.installation, soon());
    expect(found).toEqual({
      run: "run-child",
      title: "made by a child",
      locator: locatorOf(child.made.ref),
      ownerAlive: false,
    });
    await h.sandboxes.keeper.destroy(found?.locator ?? {}, soon());
    expect([running(child.made.pid), exists(child.made.ref.dir)]).toEqual([false, false]);
  });

  test("everything was killed with -9, the watchdog too: what is left is removed", async () => {
    await using h = harness();
    await using child = await orchestratorChild({ ...h, ttlMs: 600_000, task: "hold" });
    const watchdog = watchdogPid(child.made.ref.dir);
    for (const pid of [child.made.self, watchdog, child.made.pid]) process.kill(pid, "SIGKILL");
    await child.ended;
    await until("all are gone", () => ![watchdog, child.made.pid].some(running));
    await h.sandboxes.keeper.destroy(locatorOf(child.made.ref), soon());
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(child.made.ref), soon())).toMatchObject({ gone: true });
    expect(readdirSync(dirname(child.made.ref.dir))).toEqual([]);
  });
});

/** Watches the folder of all sandboxes until this one is no longer in it. */
function gone(ref: SandboxRef): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(ref.dir), () => check());
    const check = (): void => {
      if (exists(ref.dir)) return;
      watcher.close();
      resolve();
    };
    check();
  });
}
