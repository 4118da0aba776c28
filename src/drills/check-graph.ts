import type { Fault } from "../support/errors.ts";
import { printable, show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import { faultAt, type PlaybookCheck } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import { findCycles } from "./step-graph.ts";

/** Ids are unique, `needs` names steps of the same phase, and nobody waits for himself. */
export function checkGraph(check: PlaybookCheck): readonly Fault[] {
  return [...duplicateIds(check), ...check.steps.flatMap((step) => needsFaults(check, step)), ...cycleFaults(check)];
}

/** The planner's own step. */
export const HOLD_ID = "hold";

function duplicateIds({ draft, steps, graph }: PlaybookCheck): readonly Fault[] {
  return steps.flatMap((step) => {
    const path = [...step.path, "id"];
    if (step.id === HOLD_ID) {
      return faultAt(draft, path, {
        code: "RESERVED_ID",
        message: `id "${HOLD_ID}" belongs to the step that objectives.hold makes`,
        hint: "choose another id",
      });
    }
    const first = graph.byId.get(step.id);
    if (first === step || first === undefined) return [];
    const message = `step id ${show(step.id)} is used twice, first in phase ${first.phase}`;
    return faultAt(draft, path, { code: "DUPLICATE_STEP_ID", message, hint: "rename one of them" });
  });
}

function needsFaults({ draft, steps, graph }: PlaybookCheck, step: WrittenStep): readonly Fault[] {
  return (step.spec?.needs ?? []).flatMap((id, index) => {
    const path = [...step.path, "needs", index];
    const needed = graph.byId.get(id);
    if (needed === undefined) {
      const others = steps.filter((other) => other.phase === step.phase && other !== step).map((other) => other.id);
      return faultAt(draft, path, {
        code: "UNKNOWN_NEEDS",
        message: `needs ${show(id)}, but no step has that id`,
        hint: suggestionHint(id, others),
      });
    }
    if (needed.phase === step.phase) return [];
    const message = `needs ${show(id)}, which is in phase ${needed.phase}, not ${step.phase}`;
    return faultAt(draft, path, {
      code: "NEEDS_OTHER_PHASE",
      message,
      hint: "phases are barriers: an earlier phase has always ended",
    });
  });
}

function cycleFaults({ draft, steps, graph }: PlaybookCheck): readonly Fault[] {
  return findCycles(steps, graph).flatMap((cycle) => {
    const writer = cycle.find((step) => step.spec?.needs !== undefined) ?? cycle[0];
    if (writer === undefined) return [];
    const from = cycle.indexOf(writer);
    const ring = [...cycle.slice(from), ...cycle.slice(0, from), writer]
      .map((step) => printable(step.id, 63))
      .slice(0, 12);
    return faultAt(draft, [...writer.path, "needs"], {
      code: "NEEDS_CYCLE",
      message: `steps wait for each other: ${ring.join(" -> ")}`,
      hint: "a step without needs waits for the one before it",
    });
  });
}
