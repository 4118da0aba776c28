import { heldSystem } from "./hold-system.ts";
import { readPlan } from "./state/run-directory.ts";
import { runDir } from "./state/state-directory.ts";

/** Runs that cannot go on at the same time in one lane, in the order given: only one holds a system. */
export async function lanesOf(root: string, ids: readonly string[]): Promise<readonly (readonly string[])[]> {
  const lanes = new Map<string, string[]>();
  for (const runId of ids) {
    // A plan that cannot be read holds nobody up.
    const plan = await readPlan(runDir(root, runId)).catch(() => null);
    const system = plan === null ? null : heldSystem(plan);
    const name = system === null ? `run ${runId}` : `system ${system}`;
    lanes.set(name, [...(lanes.get(name) ?? []), runId]);
  }
  return [...lanes.values()];
}
