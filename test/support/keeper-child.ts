/**
 * An orchestrator with the real drivers that runs the plan it is given as JSON and kills itself at the n-th time a stage and a
 * type of record are reached: `{ settings, plan, stage, type, count }`.
 */
import { startRun } from "../../src/engine/execute-run.ts";
import type { CrashPoint } from "../../src/engine/engine-deps.ts";
import type { Plan } from "../../src/drills/plan.ts";
import { type Settings, wire } from "../../src/wire.ts";
import { requestFor } from "./engine-bench.ts";

/** What the test sends: our own form on both sides. */
interface Order {
  readonly settings: Settings;
  readonly plan: Plan;
  readonly stage: string;
  readonly type: string;
  readonly count: number;
}

const { settings, plan, stage, type, count } = JSON.parse(process.argv[2] ?? "") as Order;
const app = await wire(settings);
let left = count;
const crashPoint: CrashPoint = (at, about) => {
  if (at !== stage || !about.split(" ").includes(type)) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
};
const run = await startRun(requestFor(plan), { ...app.engine(), crashPoint });
const { result } = await run.outcome;
process.stdout.write(`${JSON.stringify(result.steps)}\n`);
