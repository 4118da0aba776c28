import { execFileSync } from "node:child_process";
import {
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  exists,
  harness,
  isRoot,
  locatorOf,
  lockedFolder,
  readLog,
  running,
  soon,
  until,
  watchdogPid,
} from "../../support/sandbox-harness.ts";

describe("the life of a sandbox", () => {
  test("planning makes nothing", async () => {
    await using h = harness();
    const ref = await h.sandboxes.plan({ ttlMs: 60_000, fence: "auto" });
    expect(exists(ref.dir)).toBe(false);
    expect(readdirSync(h.stateDir)).toEqual([]);
    expect(ref.uid).not.toBe(0);
    expect(ref.port).toBeGreaterThan(1023);
  });

  test("its folder is closed to others, and what says whose it is cannot be written by its server", async () => {
    await using h = harness();
    const ref = await h.make();
    expect(statSync(ref.dir).mode & 0o777).toBe(0o710);
    expect(statSync(join(ref.dir, "sandbox.json"))).toMatchObject({ uid: process.getuid?.(), mode: 0o100600 });
    for (const name of ["data", "tablespaces", "socket", "spool", "log"]) {
      const stat = statSync(join(ref.dir, name));
      expect([name, stat.uid, stat.mode & 0o777]).toEqual([name, ref.uid, 0o700]);
    }
  });

  test("a FIFO in the place of a log neither holds us nor is written to", async () => {
    await using h = harness();
    const ref = await h.make();
    const fifo = join(ref.dir, "log", "true.log");
    execFileSync("mkfifo", [fifo]);
    // With a reader there is nothing to wait for: also a launch without the check ends, and this test says so.
    await using _reader = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const launch = { name: "true", argv: ["/bin/true"], env: {}, cwd: join(ref.dir, "data") };
    await expect(h.sandboxes.launch(ref, launch, soon())).rejects.toMatchObject({ code: "SANDBOX_LAUNCH" });
  });

  test("a strict umask does not keep its server out", async () => {
    await using h = harness();
    const before = process.umask(0o077);
    const ref = await h.make().finally(() => process.umask(before));
    const launched = await h.sandboxes.launch(
      ref,
      { name: "true", argv: ["/bin/true"], env: {}, cwd: join(ref.dir, "data") },
      soon(),
    );
    expect(await launched.exited).toEqual({ code: 0, signal: null });
    expect(statSync(ref.dir).mode & 0o777).toBe(0o710);
    expect(statSync(join(h.stateDir, "sandboxes")).mode & 0o777).toBe(0o711);
  });

  test("a program runs as the service user, with a clean environment, outside of our session", async () => {
    await using h = harness();
    const ref = await h.make();
    const argv = ["/bin/sh", "-c", "id -u; env; echo done"];
    const launched = await h.sandboxes.launch(ref, { name: "who", argv, env: { GIVEN: "yes" }, cwd: ref.dir }, soon());
    expect(await launched.exited).toEqual({ code: 0, signal: null });
    const [uid, ...lines] = (await readLog(launched.logPath)).trim().split("\n");
    expect(uid).toBe(`${ref.uid}`);
    const names = lines.filter((line) => line.includes("=")).map((line) => line.split("=")[0]);
    expect(new Set(names)).toEqual(new Set(["FIREDRILL_SANDBOX", "GIVEN", "HOME", "LC_ALL", "PATH", "PWD"]));
  });

  test("arguments reach the program as they are: no shell reads them", async () => {
    await using h = harness();
    const ref = await h.make();
    const nasty = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "a b", "'\"\\", "*", "", "--", "-x"];
    const launched = await h.sandboxes.launch(
      ref,
      { name: "echo", argv: ["/usr/bin/env", "printf", "[%s]\\n", ...nasty], env: {}, cwd: join(ref.dir, "data") },
      soon(),
    );
    expect(await launched.exited).toEqual({ code: 0, signal: null });
    expect(await readLog(launched.logPath)).toBe(nasty.map((text) => `[${text}]\n`).join(""));
    expect(exists(join(ref.dir, "data", "pwned"))).toBe(false);
  });

  test("destroying ends every process, also one that went elsewhere in a session of its own, and can be repeated", async () => {
    await using h = harness();
    const ref = await h.make();
    const script =
      "cd / && (setsid sleep 1000 &) && cd / && trap '' TERM INT HUP; echo up; sleep 1000 & wait; sleep 1000";
    const launched = await h.sandboxes.launch(
      ref,
      { name: "stubborn", argv: ["/bin/sh", "-c", script], env: {}, cwd: ref.dir },
      soon(),
    );
    await until("the program is up", async () => (await readLog(launched.logPath)).includes("up"));
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(ref), soon())).toMatchObject({ gone: false });
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    expect(await launched.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(processesNaming(ref.id)).toEqual([]);
    expect(exists(ref.dir)).toBe(false);
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    const { gone, how } = await h.sandboxes.keeper.verifyGone(locatorOf(ref), soon());
    expect(gone).toBe(true);
    expect(how).toMatch(/^lstat: .* does not exist; \/proc: 0 of \d+ processes/u);
  });

  test("the folder is gone, a process is not: not gone", async () => {
    await using h = harness();
    const ref = await h.make();
    await h.sandboxes.launch(
      ref,
      { name: "sleep", argv: ["/bin/sleep", "1000"], env: {}, cwd: join(ref.dir, "data") },
      soon(),
    );
    rmSync(ref.dir, { recursive: true });
    const { gone, how } = await h.sandboxes.keeper.verifyGone(locatorOf(ref), soon());
    expect(gone).toBe(false);
    expect(how).toContain("does not exist");
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(ref), soon())).toMatchObject({ gone: true });
  });

  test("a launch that would not be found again, or cannot run, is refused", async () => {
    await using h = harness();
    const ref = await h.make();
    const launch = { name: "x", argv: ["/bin/true"], env: {}, cwd: ref.dir };
    const refused = { code: "SANDBOX_LAUNCH" };
    await expect(h.sandboxes.launch(ref, { ...launch, cwd: "/" }, soon())).rejects.toMatchObject(refused);
    await expect(h.sandboxes.launch(ref, { ...launch, cwd: `${ref.dir}/../..` }, soon())).rejects.toMatchObject(
      refused,
    );
    await expect(h.sandboxes.launch(ref, { ...launch, argv: ["true"] }, soon())).rejects.toMatchObject(refused);
    await expect(h.sandboxes.launch(ref, { ...launch, argv: ["/bin/no-such-program"] }, soon())).rejects.toMatchObject(
      refused,
    );
    await expect(h.sandboxes.launch(ref, { ...launch, name: "../x" }, soon())).rejects.toMatchObject(refused);
  });

  test("nothing starts in a sandbox whose watchdog is dead", async () => {
    await using h = harness();
    const ref = await h.make();
    process.kill(watchdogPid(ref.dir), "SIGKILL");
    await until("the watchdog is gone", () => !running(watchdogPid(ref.dir)));
    const launch = { name: "x", argv: ["/bin/true"], env: {}, cwd: ref.dir };
    await expect(h.sandboxes.launch(ref, launch, soon())).rejects.toMatchObject({
      code: "SANDBOX_GONE",
      class: "permanent",
    });
  });

  test("a log that is a link of the server's making is not written through", async ({ skip }) => {
    skip(!isRoot, "needs root: otherwise the server is us");
    await using h = harness();
    const ref = await h.make();
    const argv = ["/bin/ln", "-s", "/etc/firedrill-must-not-exist", join(ref.dir, "log", "next.log")];
    await (
      await h.sandboxes.launch(ref, { name: "ln", argv, env: {}, cwd: ref.dir }, soon())
    ).exited;
    const next = { name: "next", argv: ["/bin/echo", "x"], env: {}, cwd: ref.dir };
    await expect(h.sandboxes.launch(ref, next, soon())).rejects.toMatchObject({ code: "SANDBOX_LAUNCH" });
    expect(exists("/etc/firedrill-must-not-exist")).toBe(false);
  });

  test("removal follows no link out of the sandbox", async () => {
    await using h = harness();
    const ref = await h.make();
    await using other = harness();
    const precious = join(other.stateDir, "precious");
    mkdirSync(precious);
    writeFileSync(join(precious, "file"), "x");
    symlinkSync(precious, join(ref.dir, "data", "link"));
    symlinkSync("/", join(ref.dir, "tablespaces", "root"));
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    expect(readFileSync(join(precious, "file"), "utf8")).toBe("x");
  });

  test("a folder that its owner made unwritable is removed", async () => {
    await using h = harness();
    const ref = await h.make();
    lockedFolder(join(ref.dir, "spool"));
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    expect(exists(ref.dir)).toBe(false);
  });

  test("a link in the place of the sandbox is reported, and not followed", async () => {
    await using h = harness();
    const ref = await h.make();
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    await using other = harness();
    symlinkSync(other.stateDir, ref.dir);
    await expect(h.sandboxes.keeper.destroy(locatorOf(ref), soon())).rejects.toMatchObject({ code: "SANDBOX_STUCK" });
    expect(lstatSync(other.stateDir).isDirectory()).toBe(true);
    rmSync(ref.dir);
  });
});

function processesNaming(id: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/u.test(pid) && environmentOf(pid).includes(id));
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}
