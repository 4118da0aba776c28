import type { Plan, PlanPhase, PlanStep } from "../../src/drills/plan.ts";
import { type PhaseName, PHASES } from "../../src/drills/phases.ts";

export type StepParts = Partial<PlanStep> & Pick<PlanStep, "id">;

/** A step of a plan, in `recover` after nothing unless said otherwise. */
export function planStep(parts: StepParts): PlanStep {
  return {
    title: parts.id,
    phase: "recover",
    uses: "test/noop",
    role: "action",
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
    retry: { attempts: 1, delayMs: 1000, on: ["transient"] },
    line: 1,
    ...parts,
  };
}

/** A plan of these steps; steps of one phase run one after another unless they say otherwise. */
export function planOf(steps: readonly StepParts[], parts: Partial<Plan> = {}): Plan {
  const chained = chain(
    steps.map((step) => planStep(step)),
    steps,
  );
  const phases = PHASES.filter((name) => chained.some((step) => step.phase === name)).map((name) =>
    phaseOf(name, chained),
  );
  return {
    schemaVersion: "firedrill/plan/v1",
    name: "test-drill",
    title: "Test drill",
    owner: null,
    controls: [],
    objectives: { rtoMs: null, rpoMs: null, holdMs: 0, clock: "total", setBy: { rto: null, rpo: null } },
    guardrails: { allowProduction: false, stopWhen: [] },
    params: {},
    system: null,
    inventory: [],
    phases,
    steps: chained,
    source: {
      playbookPath: "playbook.yaml",
      playbookSha256: "0".repeat(64),
      inventoryPath: null,
      inventorySha256: null,
    },
    ...parts,
  };
}

function phaseOf(name: PhaseName, steps: readonly PlanStep[]): PlanPhase {
  const timeoutMs = steps
    .filter((step) => step.phase === name)
    .reduce((sum, step) => sum + step.timeoutMs * step.retry.attempts, 60_000);
  return { name, timeoutMs, onFailure: name === "verify" ? "continue" : "stop" };
}

function chain(steps: readonly PlanStep[], written: readonly StepParts[]): readonly PlanStep[] {
  const last = new Map<PhaseName, string>();
  return steps.map((step, index) => {
    const before = last.get(step.phase) ?? null;
    last.set(step.phase, step.id);
    const free = written[index]?.after !== undefined || written[index]?.needs !== undefined;
    return free ? step : { ...step, after: before };
  });
}
