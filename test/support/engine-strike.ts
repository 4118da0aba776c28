import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Guardrails, Plan } from "../../src/drills/plan.ts";
import type { StopCondition } from "../../src/drills/stop-condition.ts";
import type { Step } from "../../src/engine/step-contract.ts";
import { systemWith } from "./checks-context.ts";
import { fakeStep } from "./engine-bench.ts";
import { planOf, type StepParts } from "./engine-plan.ts";

/** A plan that strikes at a system once, in `disaster`, after the steps given. */
export function strikePlan(
  before: readonly StepParts[] = [],
  parts: { readonly system?: SystemSnapshot | null; readonly guardrails?: Partial<Guardrails> } = {},
  after: readonly StepParts[] = [],
): Plan {
  const { system = systemWith({}), guardrails = {} } = parts;
  return planOf([...before, STRIKE, ...after], {
    system,
    guardrails: { allowProduction: false, stopWhen: [], ...guardrails },
  });
}

const STRIKE: StepParts = { id: "strike", phase: "disaster", uses: "test/strike", effect: "disruptive" };

/** Counts how often it struck. */
export function striker(): Step & { readonly struck: () => number } {
  let count = 0;
  const step = fakeStep("test/strike", () => {
    count += 1;
    return { kind: "done", outputs: {} };
  });
  return { ...step, struck: () => count };
}

export function condition(parts: Partial<StopCondition> = {}): StopCondition {
  return {
    title: "other systems answer",
    look: { kind: "http", url: "http://other.example/health", status: 200 },
    everyMs: 1000,
    breaches: 1,
    timeoutMs: 2000,
    whenUnknown: "continue",
    ...parts,
  };
}
