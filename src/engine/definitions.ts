/**
 * What a run is pinned to besides its plan: the charts, events and step definitions it was begun with.
 *
 * Owns: what is compared, and what a difference means. Does not: fold (fold-run.ts), or pin the plan itself (`planSha256`).
 *
 * Invariants
 *  P1  A run goes on only with definitions that are the same as those it was begun with; what was not written down is not compared.
 *  P2  To end a run (halt it and clean it up) takes none of them: nothing of its steps is done again.
 */
import type { Plan } from "../drills/plan.ts";
import type { Definitions, RunStarted } from "../drills/run-event.ts";
import { eventsSha256 } from "../drills/event-fields.ts";
import { stepSha256 } from "../drills/step-sha256.ts";
import { chartsSha256 } from "../machines/charts-sha256.ts";
import { compilePlan } from "../machines/compile-plan.ts";
import { FiredrillError } from "../support/errors.ts";
import type { EngineDeps } from "./engine-deps.ts";

type Known = Pick<EngineDeps, "steps">;

/** Throws `STEP_UNKNOWN` when this program lacks a step of the plan. */
export function definitionsOf(plan: Plan, { steps }: Known): Definitions {
  requireSteps(plan, { steps });
  const used = [...new Set(plan.steps.map((step) => step.uses))].toSorted();
  const hashes = used.flatMap((uses) => {
    const step = steps.get(uses);
    return step === undefined ? [] : [[uses, short(stepSha256(step, step.reconcile !== undefined))] as const];
  });
  return {
    charts: short(chartsSha256(compilePlan(plan))),
    events: short(eventsSha256()),
    steps: Object.fromEntries(hashes),
  };
}

/** What is another here than when the run began, in words; empty for a journal that does not say (P1). */
export function changedDefinitions(plan: Plan, started: RunStarted, known: Known): readonly string[] {
  const then = started.definitions;
  if (then === undefined) return [];
  const now = definitionsOf(plan, known);
  const steps = Object.keys(now.steps).filter((uses) => then.steps[uses] !== now.steps[uses]);
  return [
    ...(then.charts === now.charts ? [] : ["the charts"]),
    ...(then.events === now.events ? [] : ["the events of a journal"]),
    ...steps.map((uses) => `step ${uses}`),
  ];
}

/** Throws `STEP_UNKNOWN`, `DEFINITIONS_CHANGED` (P1). */
export function requireSameDefinitions(
  plan: Plan,
  started: RunStarted,
  known: Known & Pick<EngineDeps, "orchestrator">,
): void {
  requireSteps(plan, known);
  const changed = changedDefinitions(plan, started, known);
  if (changed.length === 0) return;
  throw new FiredrillError(
    "DEFINITIONS_CHANGED",
    `The run was begun by ${started.tool} with other definitions than those of ${known.orchestrator.tool}: ${changed.join(", ")}.`,
    {
      hint: "Resume it with the program that began it, or end it and clean up with `firedrill clean`.",
      details: { changed },
    },
  );
}

function requireSteps(plan: Plan, { steps }: Known): void {
  const unknown = plan.steps.filter((step) => !steps.has(step.uses)).map((step) => step.uses);
  if (unknown.length === 0) return;
  throw new FiredrillError(
    "STEP_UNKNOWN",
    `The plan uses steps this program does not have: ${[...new Set(unknown)].join(", ")}.`,
    { hint: "Use the version of Firedrill (and the plugins) that made the plan." },
  );
}

/** Enough to tell two definitions apart; not a seal, which the journal's own hash is. */
function short(sha256: string): string {
  return sha256.slice(0, 16);
}
