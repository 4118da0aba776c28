import type { RunResult } from "./result.ts";

type Observed = RunResult["observed"];

/** Who took over in the recovery, and whom it was fenced from; what the `return` phase did is left out. */
export function takeoverOf({ observed, steps }: RunResult): {
  readonly promotion: Observed["promotions"][number] | null;
  readonly fencing: Observed["fencings"][number] | null;
} {
  const returned = new Set(steps.filter(({ phase }) => phase === "return").map(({ id }) => id));
  return {
    promotion: observed.promotions.findLast(({ step }) => !returned.has(step)) ?? null,
    fencing: observed.fencings.findLast(({ step }) => !returned.has(step)) ?? null,
  };
}
