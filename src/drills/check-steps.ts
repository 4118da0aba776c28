import type { Fault } from "../support/errors.ts";
import type { JsonObject, JsonValue } from "../support/json.ts";
import { show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import { faultAt, type PlaybookCheck } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import type { StepSignature } from "./step-signature.ts";
import { containsTemplate } from "./template.ts";
import { issuesToFaults, valueAt } from "./zod-faults.ts";

/** Each step is one of the library, may stand where it stands, ends at some time, and is given what it takes. */
export function checkSteps(check: PlaybookCheck): readonly Fault[] {
  return check.steps.flatMap((step) => {
    if (step.uses === null) return [];
    const signature = check.catalogue.get(step.uses);
    if (signature === undefined) return unknownStep(check, step, step.uses);
    const input = check.draft.isSound([...step.path, "with"]) ? inputFaults(check, step, signature, step.input) : [];
    return [...wrongPhase(check, step, signature), ...missingTimeout(check, step, signature), ...input];
  });
}

function unknownStep({ draft, catalogue }: PlaybookCheck, step: WrittenStep, uses: string): readonly Fault[] {
  const problem = {
    code: "UNKNOWN_STEP",
    message: `there is no step ${show(uses)}`,
    hint: suggestionHint(uses, catalogue.keys()) ?? "firedrill steps lists them",
  };
  return faultAt(draft, [...step.path, "uses"], problem);
}

function wrongPhase({ draft }: PlaybookCheck, step: WrittenStep, signature: StepSignature): readonly Fault[] {
  if (signature.phases === undefined || signature.phases.includes(step.phase)) return [];
  const message = `${signature.uses} cannot stand in phase ${step.phase}`;
  return faultAt(draft, [...step.path, "uses"], {
    code: "STEP_NOT_IN_PHASE",
    message,
    hint: `it belongs in ${signature.phases.join(" or ")}`,
  });
}

function missingTimeout({ draft }: PlaybookCheck, step: WrittenStep, signature: StepSignature): readonly Fault[] {
  // A step with other faults may have a timeout that cannot be read yet.
  if (step.spec === null) return [];
  const given = step.spec.timeout ?? signature.defaultTimeoutMs ?? valueAt(draft.value, ["defaults", "timeout"]);
  if (given !== undefined) return [];
  const message = `step ${show(step.id)} has no timeout, and ${signature.uses} has none by default`;
  return faultAt(
    draft,
    [...step.path, "uses"],
    { code: "MISSING_TIMEOUT", message, hint: "add timeout: 10m, or defaults: { timeout: 10m }" },
    "key",
  );
}

/**
 * The input against the step's own schema. What a template will put in is not known yet: its type is checked by the step
 * when it runs, everything else here.
 */
export function inputFaults(
  { draft }: PlaybookCheck,
  step: WrittenStep,
  signature: StepSignature,
  input: JsonObject,
): readonly Fault[] {
  const schema = signature.with.def.catchall === undefined ? signature.with.strict() : signature.with;
  const parsed = schema.safeParse(input);
  if (parsed.success) return [];
  const issues = parsed.error.issues.filter(
    (issue) => issue.code === "unrecognized_keys" || !isOpen(valueAt(input, issue.path.map(String))),
  );
  const base = [...step.path, "with"];
  return issuesToFaults(issues, {
    source: draft.source,
    root: draft.root,
    base,
    schema,
    value: input,
    prefix: "WITH_",
  });
}

function isOpen(value: JsonValue | undefined): boolean {
  return value !== undefined && containsTemplate(value);
}
