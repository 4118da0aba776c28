import { PHASES, type PhaseName } from "./phases.ts";
import type { PlanPhase, PlanStep } from "./plan.ts";
import type { PlaybookSpec } from "./playbook-schema.ts";

/** Only phases that have steps. In `verify` the other checks still run after one failed: the report is worth more. */
export function planPhases(spec: PlaybookSpec, steps: readonly PlanStep[]): readonly PlanPhase[] {
  return PHASES.flatMap((name) => {
    const members = steps.filter((step) => step.phase === name);
    if (members.length === 0) return [];
    return [
      {
        name,
        timeoutMs: writtenTimeout(spec, name) ?? longest(members),
        onFailure: name === "verify" ? "continue" : "stop",
      } as const,
    ];
  });
}

function writtenTimeout(spec: PlaybookSpec, name: PhaseName): number | undefined {
  return name === "hold" ? undefined : spec.timeouts[name];
}

/** All its steps one after the other, every attempt to its deadline, delays doubled each time as backoff does. */
function longest(steps: readonly PlanStep[]): number {
  return steps.reduce(
    (sum, { timeoutMs, retry }) => sum + retry.attempts * timeoutMs + retry.delayMs * (2 ** (retry.attempts - 1) - 1),
    0,
  );
}
