/**
 * An orchestrator in a process of its own, for tests that kill it:
 * `node engine-child.ts <state dir> <world dir> <plan> [<stage> <about> <n>]`. Says `running <run id>` once it runs; ends itself by SIGKILL at the
 * n-th time the stage and what it is about are reached.
 */
import { randomBytes } from "node:crypto";
import type { CrashPoint } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import { engineBench, requestFor } from "./engine-bench.ts";
import { WAITING_PLAN, WORLD_PLAN, worldKeeper, worldSteps } from "./engine-world.ts";

const [stateDir = "", worldDir = "", plan = "", stage, about, count = "1"] = process.argv.slice(2);
let left = Number(count);
const crashPoint: CrashPoint = (at, what) => {
  if (at !== stage || !what.split(" ").includes(about ?? "")) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
};
const bench = await engineBench({
  stateDir,
  steps: worldSteps(worldDir),
  deps: { keepers: [worldKeeper(worldDir)], random: randomBytes, crashPoint },
});
const handle = await startRun(requestFor(plan === "waiting" ? WAITING_PLAN : WORLD_PLAN), bench.deps);
process.stdout.write(`running ${handle.runId}\n`);
await handle.outcome;
