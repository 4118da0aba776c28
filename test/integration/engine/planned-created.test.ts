// What was planned and perhaps made when the orchestrator was killed: found by its label and removed, for every kind there is.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { showRun } from "../../../src/engine/list-runs.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { findProcesses } from "../../../src/support/processes.ts";
import { leftIn, firedrill, NOTHING } from "../../support/cli-run.ts";
import { type StepParts, planOf } from "../../support/engine-plan.ts";
import { aftermath, NOTHING_LEFT } from "../../support/failover-aftermath.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";

const CHILD = fileURLToPath(new URL("../../support/keeper-child.ts", import.meta.url));

let ha: HaCluster;
beforeAll(async () => {
  ha = await startHaCluster({ names: ["a"] });
});
afterAll(() => ha[Symbol.asyncDispose]());

/** The step that makes it, and how many resources it has planned before this one. */
const KINDS: readonly (readonly [kind: string, step: () => StepParts, before: number])[] = [
  [
    "sandbox-process",
    () => ({ id: "x", uses: "sandbox/create", with: { kind: "process", ttl: "10m", fence: "settings" } }),
    0,
  ],
  ["canary-table", () => ({ id: "x", uses: "traffic/start", effect: "disruptive", with: {} }), 0],
  ["traffic-process", () => ({ id: "x", uses: "traffic/start", effect: "disruptive", with: {} }), 1],
  ["fault", () => ({ id: "x", uses: "fault/freeze", effect: "disruptive", phase: "disaster", with: { node: "a" } }), 0],
  [
    "command",
    () => ({
      id: "x",
      uses: "command/run",
      effect: "disruptive",
      with: { argv: [script()], undo: [script(), "undo"] },
    }),
    0,
  ],
  ["backup-directory", () => ({ id: "x", uses: "backup/create", with: { into: backups(), checkpoint: "fast" } }), 0],
];

const script = (): string => join(ha.dir, "desk", "act.sh");
const backups = (): string => join(ha.dir, "desk", "backups");

describe.each(KINDS)("%s", (kind, step, before) => {
  test.each([
    ["planned and not made", "after-sync", "resource.planned"],
    ["made and not on record", "before-append", "resource.created"],
  ])("%s is removed, and proved gone", async (_, stage, type) => {
    const desk = join(ha.dir, "desk");
    mkdirSync(backups(), { recursive: true });
    chmodSync(desk, 0o755);
    writeFileSync(
      script(),
      `#!/bin/sh\necho "$*" >> ${desk}/acts\nexec sleep 1000\n`.replace("exec", '[ "$1" = undo ] || exec'),
      {
        mode: 0o755,
      },
    );
    const state = join(ha.dir, `state-${kind}-${stage}`);
    const settings = {
      stateDir: state,
      pgBin: null,
      allowedCommands: [script()],
      logLevel: "warn",
      env: process.env,
      baseDir: desk,
    };
    const plan = planOf([step()], { system: ha.system });
    const order = { settings, plan, stage, type, count: before + 1 };
    const child = spawn(process.execPath, ["--no-warnings", CHILD, JSON.stringify(order)], { stdio: "inherit" });
    await once(child, "exit");
    expect(child.signalCode, "the orchestrator was to kill itself").toBe("SIGKILL");

    const [runId = ""] = readdirSync(join(state, "runs"));
    writeFileSync(join(desk, "firedrill.yaml"), configuration());
    const { code, stdout, stderr } = await firedrill(["clean", "--state", state], { cwd: desk });
    expect([code, stdout.trim().split("\n").at(-1)], stdout + stderr).toEqual([0, "clean"]);
    const { records } = await showRun(state, runId, systemClock().bootId);
    const planned = records.flatMap((one) => (one.type === "resource.planned" ? [one.data.resource] : []));
    expect(planned.map((one) => one.kind)).toContain(kind);
    const destroyed = records.flatMap((one) => (one.type === "resource.destroyed" ? [one.data.id] : []));
    expect(destroyed.toSorted()).toEqual(planned.map(({ id }) => id).toSorted());
    const { left, writable } = await aftermath(ha, state, []);
    expect([left, writable]).toEqual([NOTHING_LEFT, ["a"]]);
    expect(leftIn(state)).toEqual(NOTHING);
    // A backup that was finished stays: it is what the step is for.
    expect(readdirSync(backups()).filter((name) => name.includes(".partial"))).toEqual([]);
    const acting = findProcesses({ dir: desk, marker: null, uid: process.getuid?.() ?? 0 }).found;
    expect(acting).toEqual([]);
  });
});

function configuration(): string {
  return `apiVersion: firedrill/v1\nkind: Configuration\ncommands:\n  - ${script()}\n`;
}

test("the program of a command that never began is not undone", () => {
  expect(existsSync(join(ha.dir, "desk", "acts"))).toBe(false);
});
