import type { Fault } from "../support/errors.ts";
import type { WrittenPhase } from "./phases.ts";
import { faultAt, type PlaybookCheck } from "./playbook-check.ts";
import { HOLD_USES } from "./hold-step.ts";
import { valueAt } from "./zod-faults.ts";

/** What a drill cannot do without: an instant of the disaster, something that recovers, something that can go red. */
export function checkPhases(check: PlaybookCheck): readonly Fault[] {
  return [
    ...emptyPhase(check, "disaster"),
    ...emptyPhase(check, "recover"),
    ...emptyPhase(check, "verify"),
    ...noCheck(check),
    ...noHold(check),
  ];
}

const WHY = {
  disaster: "nothing sets T0, so nothing can be measured",
  recover: "nothing is recovered",
  verify: "nothing is checked, so nothing can fail",
} as const;

function emptyPhase({ draft }: PlaybookCheck, phase: keyof typeof WHY & WrittenPhase): readonly Fault[] {
  const list = valueAt(draft.value, ["phases", phase]);
  if (!Array.isArray(list) || list.length > 0) return [];
  return faultAt(
    draft,
    ["phases", phase],
    { code: "EMPTY_PHASE", message: `phase ${phase} has no steps: ${WHY[phase]}`, hint: "write at least one step" },
    "key",
  );
}

/** A check that looked at nothing is no pass (safety rule 8). */
function noCheck({ draft, steps, catalogue }: PlaybookCheck): readonly Fault[] {
  const verify = steps.filter((step) => step.phase === "verify");
  const mayCheck = verify.some((step) => {
    if (step.spec === null) return true;
    const signature = catalogue.get(step.spec.uses);
    return (
      signature === undefined || (step.spec.required && (signature.role === "check" || step.spec.expect !== undefined))
    );
  });
  if (verify.length === 0 || mayCheck) return [];
  return faultAt(
    draft,
    ["phases", "verify"],
    {
      code: "NO_REQUIRED_CHECK",
      message: "phase verify has no required check",
      hint: "remove required: false from one, or add verify/sql",
    },
    "key",
  );
}

function noHold({ draft, catalogue }: PlaybookCheck): readonly Fault[] {
  if (draft.spec?.objectives.hold === undefined || catalogue.has(HOLD_USES)) return [];
  return faultAt(draft, ["objectives", "hold"], {
    code: "UNKNOWN_STEP",
    message: `there is no step "${HOLD_USES}", which objectives.hold needs`,
    hint: "leave hold out",
  });
}
