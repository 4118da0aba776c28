import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serviceUser } from "../../support/pg-machine.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";

const signal = AbortSignal.timeout(60_000);

let scene: FaultScene;
beforeAll(async () => void (scene = await faultScene({ names: ["a"] })));
afterAll(() => scene[Symbol.asyncDispose]());

/** A dead process of the server's user whose parent never asks for it, as in a container without an init. */
async function unreaped(): Promise<{ readonly pid: number; end(): void }> {
  const parent = spawn("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"], {
    ...serviceUser,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (text) => resolve(Number(text))));
  while (!readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z "))
    await new Promise((resolve) => setImmediate(resolve));
  return { pid, end: () => void parent.kill("SIGKILL") };
}

test("a killed server starts again also when nobody has reaped it", async () => {
  const { control } = scene;
  const node = scene.node("a");
  const file = join(node.dataDir ?? "", "postmaster.pid");
  const before = await readFile(file, "utf8");
  await control.kill(node, { supervisor: false }, signal);
  const dead = await unreaped();
  try {
    await writeFile(file, before.replace(/^\d+/u, String(dead.pid)));
    await control.start(node, signal);
    expect(await control.running(node)).toBe(true);
  } finally {
    dead.end();
  }
});
