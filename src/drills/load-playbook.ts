import type { Fault } from "../support/errors.ts";
import { checkGraph } from "./check-graph.ts";
import { checkParams } from "./check-params.ts";
import { checkPhases } from "./check-phases.ts";
import { checkSteps } from "./check-steps.ts";
import { checkTemplates } from "./check-templates.ts";
import { type Draft, loadDocument } from "./load-document.ts";
import { orderFaults, type Parsed } from "./parsed.ts";
import type { PlaybookCheck } from "./playbook-check.ts";
import { playbookSchema, type PlaybookSpec } from "./playbook-schema.ts";
import { collectSteps, type WrittenStep } from "./playbook-steps.ts";
import { stepGraph } from "./step-graph.ts";
import type { StepCatalogue } from "./step-signature.ts";
import type { SourceInput } from "./yaml-text.ts";

/** A playbook that holds for every parameter and system: what is left for the plan is what depends on those. */
export interface PlaybookDocument {
  readonly file: string;
  readonly sha256: string;
  readonly spec: PlaybookSpec;
  readonly check: PlaybookCheck;
}

export const MAX_STEPS = 2000;

/** Every fault that can be told without parameters and systems, at once. */
export function loadPlaybook(input: SourceInput, catalogue: StepCatalogue): Parsed<PlaybookDocument> {
  const loaded = loadDocument(input, "Playbook", playbookSchema);
  if (loaded.kind === "faults") return { kind: "faults", faults: orderFaults(loaded.faults) };
  const { draft } = loaded;
  const steps = collectSteps(draft);
  const check: PlaybookCheck = { draft, catalogue, steps, graph: stepGraph(steps) };
  const faults =
    steps.length > MAX_STEPS ? [...draft.faults, tooManySteps(draft, steps)] : [...draft.faults, ...allFaults(check)];
  if (draft.spec === null || faults.length > 0) return { kind: "faults", faults: orderFaults(faults) };
  return { kind: "ok", value: { file: input.file, sha256: draft.source.sha256, spec: draft.spec, check } };
}

function tooManySteps(draft: Draft<PlaybookSpec>, steps: readonly WrittenStep[]): Fault {
  return draft.source.fault(
    draft.root.offset,
    "TOO_MANY_STEPS",
    `${steps.length} steps, over ${MAX_STEPS}`,
    "split the playbook",
  );
}

function allFaults(check: PlaybookCheck): readonly Fault[] {
  return [checkPhases, checkParams, checkGraph, checkSteps, checkTemplates].flatMap((rule) => rule(check));
}
