import { StepError } from "../drills/step-error.ts";

export function refusedBy(what: string, output: string): StepError {
  return new StepError("transient", "FAULT_INCOMPLETE", `${what} failed: ${output.trim()}`, {
    hint: "docs/faults.md says how it is undone by hand",
  });
}
