/**
 * One drill whose syncs may fail, in a process of its own: `node journal-fault-child.ts <state dir> <world dir>`. Says what was acknowledged and
 * how it ended, in one line of JSON.
 */
import { randomBytes } from "node:crypto";
import { startRun } from "../../src/engine/execute-run.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import { engineBench, requestFor } from "./engine-bench.ts";
import { promotions, things, WORLD_PLAN, worldKeeper, worldSteps } from "./engine-world.ts";

export interface FaultReport {
  readonly runId: string;
  readonly acknowledged: readonly string[];
  readonly end: string;
  readonly promotions: number;
  readonly things: readonly string[];
}

const [state = "", world = ""] = process.argv.slice(2);
const bench = await engineBench({
  stateDir: state,
  steps: worldSteps(world),
  deps: { keepers: [worldKeeper(world)], random: randomBytes },
});
const { runId, outcome } = await startRun(requestFor(WORLD_PLAN), bench.deps);
const end = await outcome.then(
  ({ result }) => result.result,
  (error: unknown) => (error instanceof FiredrillError ? error.code : String(error)),
);
const report: FaultReport = {
  runId,
  acknowledged: bench.records.map(({ type }) => type),
  end,
  promotions: (await promotions(world)).length,
  things: await things(world),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
