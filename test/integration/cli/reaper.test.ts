import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { openState } from "../../../src/engine/state/state-directory.ts";
import { processSandboxes } from "../../../src/sandboxes/process/sandboxes.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { firedrill } from "../../support/cli-run.ts";
import { orchestratorChild } from "../../support/sandbox-child.ts";
import { exists, locatorOf, quiet, running, soon } from "../../support/sandbox-harness.ts";

const LEFT = 6;

test("clean removes within a minute what dead orchestrators left, and leaves a similar one of another installation", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "firedrill-reaper-"));
  try {
    const { installation } = await openState(stateDir, randomBytes);
    const made = [];
    for (let count = 0; count < LEFT; count += 1) {
      await using child = await orchestratorChild({ stateDir, installation, ttlMs: 600_000, task: "hold" });
      made.push(child.made);
      child.kill();
      await child.ended;
    }
    const foreign = made.pop();
    if (foreign === undefined) throw new Error("some were made");
    // The same folder, run and form of id; the name of its installation begins with ours.
    const file = join(foreign.ref.dir, "sandbox.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as { labels: object }; // our own file
    const theirs = `${installation}2`;
    writeFileSync(file, JSON.stringify({ ...record, labels: { ...record.labels, installation: theirs } }));

    const began = performance.now();
    const { code, stdout } = await firedrill(["clean", "--state", stateDir, "--json"], { cwd: stateDir });
    expect(performance.now() - began).toBeLessThan(60_000);
    const report = JSON.parse(stdout) as { readonly clean: boolean; readonly resources: readonly object[] }; // our own form
    expect([code, report.clean, report.resources.length]).toEqual([0, true, LEFT - 1]);
    for (const resource of report.resources) expect(resource).toMatchObject({ kind: "destroyed" });
    for (const { ref, pid } of made) expect([exists(ref.dir), running(pid)]).toEqual([false, false]);
    expect([exists(foreign.ref.dir), running(foreign.pid)]).toEqual([true, true]);

    const other = processSandboxes({ stateDir, clock: systemClock(), installation: theirs, log: quiet });
    await other.keeper.destroy(locatorOf(foreign.ref), soon());
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});
