import type { PhaseName } from "../../src/drills/phases.ts";
import { PHASES } from "../../src/drills/phases.ts";
import type { Plan, PlanPhase, PlanStep } from "../../src/drills/plan.ts";

/** What a test says about a step; the rest is ordinary. */
export type StepSketch = { readonly id: string } & Partial<PlanStep>;

export function planStep(phase: PhaseName, sketch: StepSketch, line = 1): PlanStep {
  return {
    title: `Step ${sketch.id}`,
    phase,
    uses: "test/step",
    role: phase === "verify" ? "check" : "action",
    effect: "sandbox",
    idempotent: true,
    required: true,
    creates: [],
    with: {},
    needs: [],
    after: null,
    when: null,
    expect: null,
    timeoutMs: 60_000,
    retry: { attempts: 1, delayMs: 0, on: [] },
    line,
    ...sketch,
  };
}

/** A plan whose phases have these steps; steps that say nothing else run one after another. */
export function planOf(phases: Partial<Record<PhaseName, readonly StepSketch[]>>): Plan {
  const present = PHASES.filter((name) => phases[name] !== undefined);
  return {
    schemaVersion: "firedrill/plan/v1",
    name: "sample",
    title: "A sample",
    owner: null,
    controls: [],
    objectives: { rtoMs: null, rpoMs: null, holdMs: 0, clock: "total", setBy: { rto: null, rpo: null } },
    guardrails: { allowProduction: false, stopWhen: [] },
    params: {},
    system: null,
    inventory: [],
    phases: present.map((name) => planPhase(name)),
    steps: present.flatMap((name) => inOrder(phases[name] ?? []).map((sketch) => planStep(name, sketch))),
    source: { playbookPath: "sample.yaml", playbookSha256: "0", inventoryPath: null, inventorySha256: null },
  };
}

export function planPhase(name: PhaseName): PlanPhase {
  return { name, timeoutMs: 600_000, onFailure: name === "verify" ? "continue" : "stop" };
}

function inOrder(sketches: readonly StepSketch[]): readonly StepSketch[] {
  return sketches.map((sketch, index) => {
    const before = sketches[index - 1];
    const after = sketch.needs === undefined && before !== undefined ? before.id : null;
    return { after, ...sketch };
  });
}
