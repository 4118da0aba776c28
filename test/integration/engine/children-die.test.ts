import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { dyingWithUs } from "../../../src/support/dying-with-us.ts";
import { startTicksOf } from "../../../src/support/process-identity.ts";

const CHILD = fileURLToPath(new URL("../../support/dying-child.ts", import.meta.url));

test.each(["tool", "argv", "bounded"])("what was started as %s dies with the process that started it", async (way) => {
  expect(await dyingWithUs(), "this machine has setpriv of util-linux").not.toEqual([]);
  const dir = mkdtempSync(join(tmpdir(), "firedrill-dying-"));
  const parent = spawn(process.execPath, ["--no-warnings", CHILD, way, dir], { stdio: "inherit" });
  try {
    const file = join(dir, "pid");
    while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
    const pid = Number(readFileSync(file, "utf8"));
    const ticks = startTicksOf(pid);
    expect(ticks).not.toBeNull();
    parent.kill("SIGKILL");
    await once(parent, "exit");
    const until = performance.now() + 10_000;
    while (startTicksOf(pid) === ticks && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const left = startTicksOf(pid) === ticks;
    if (left) process.kill(pid, "SIGKILL");
    expect(left).toBe(false);
  } finally {
    parent.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
});
