/**
 * One drill whose syncs may fail, in a process of its own: `node journal-fault-child.ts <state dir> <world dir>`. Says what was acknowledged and
 * how it ended, in one line of JSON.
 */
import { randomBytes } from "node:crypto";
import type { Recorded } from "../../src/drills/run-event.ts";
import type { RunHandle } from "../../src/engine/drive-run.ts";
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
const text = (error: unknown): string => (error instanceof FiredrillError ? error.code : String(error));
const acknowledged: string[] = [];
const handle = await begin().catch(text);
const end =
  typeof handle === "string" ? `not begun: ${handle}` : await handle.outcome.then(({ result }) => result.result, text);
const report: FaultReport = {
  runId: typeof handle === "string" ? "" : handle.runId,
  acknowledged,
  end,
  promotions: (await promotions(world)).length,
  things: await things(world),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

async function begin(): Promise<RunHandle> {
  const observers = { onRecord: ({ type }: Recorded) => void acknowledged.push(type) };
  const deps = { keepers: [worldKeeper(world)], random: randomBytes, observers };
  const bench = await engineBench({ stateDir: state, steps: worldSteps(world), deps });
  return startRun(requestFor(WORLD_PLAN), bench.deps);
}
