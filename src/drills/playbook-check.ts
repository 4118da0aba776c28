import type { Fault } from "../support/errors.ts";
import type { Draft } from "./load-document.ts";
import type { PlaybookSpec } from "./playbook-schema.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import type { StepGraph } from "./step-graph.ts";
import type { StepCatalogue } from "./step-signature.ts";
import { offsetInside, place, type Path } from "./yaml-tree.ts";

/** What the checks of a playbook look at. Each check is a function from this to faults. */
export interface PlaybookCheck {
  readonly draft: Draft<PlaybookSpec>;
  readonly catalogue: StepCatalogue;
  readonly steps: readonly WrittenStep[];
  readonly graph: StepGraph;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A fault at the value of a path, or at its key; none when that place already had one. */
export function faultAt(
  draft: Draft<PlaybookSpec>,
  path: Path,
  problem: Problem,
  about: "key" | "value" = "value",
): readonly Fault[] {
  const spot = place(draft.root, path);
  if (spot.tainted) return [];
  return [
    draft.source.fault(
      about === "key" ? spot.keyOffset : spot.valueOffset,
      problem.code,
      problem.message,
      problem.hint,
    ),
  ];
}

/** A fault at a character of a text, as near as its spelling allows. */
export function faultInside(draft: Draft<PlaybookSpec>, path: Path, index: number, problem: Problem): readonly Fault[] {
  const spot = place(draft.root, path);
  if (spot.tainted) return [];
  return [
    draft.source.fault(offsetInside(spot.node, index) ?? spot.valueOffset, problem.code, problem.message, problem.hint),
  ];
}
