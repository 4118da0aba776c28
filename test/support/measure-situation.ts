import type { Plan } from "../../src/drills/plan.ts";
import type { RunResult } from "../../src/drills/result.ts";
import { sandboxed } from "./measure-drill.ts";
import type { JournalBuilder } from "./measure-journal.ts";
import { checkStep, drillPlan, holdStep, planStep, restoreSteps } from "./measure-plan.ts";

/** A journal and what it must come to; the tables stand beside, one for each result. */
export interface Situation {
  readonly name: string;
  readonly plan?: Plan;
  readonly journal: () => JournalBuilder;
  readonly result: RunResult["result"];
  readonly exitCode: number;
  readonly rule: RunResult["rule"];
  readonly rto?: string;
  readonly rpo?: string;
  readonly also?: readonly RunResult["rule"][];
}

/** Plans and endings that several situations share. */
export const slow = drillPlan({ objectives: { rtoMs: 5000 } });
export const noTargets = drillPlan({ objectives: { rtoMs: null, rpoMs: null } });
export const technical = drillPlan({ objectives: { clock: "technical", rtoMs: 11_000 } });
export const withHold = drillPlan({ objectives: { holdMs: 3000 }, steps: [...restoreSteps(), holdStep()] });
export const withReturn = drillPlan({ steps: [...restoreSteps(), planStep("failback", "return")] });
export const optionalLoad = drillPlan({
  steps: [...restoreSteps(), planStep("load", "verify", { required: false, after: "amcheck" })],
});
export const withExpect = drillPlan({
  steps: restoreSteps().map((step) => (step.id === "restore" ? { ...step, expect: "outputs.files > 0" } : step)),
});
export const noVerify = drillPlan({ steps: restoreSteps().filter((step) => step.phase !== "verify") });
export const onlyOptional = drillPlan({
  steps: restoreSteps().map((step) => ({ ...step, required: step.phase !== "verify" })),
});
export const noDisaster = drillPlan({ steps: restoreSteps().filter((step) => step.phase !== "disaster") });
export const twoChecks = drillPlan({ steps: [...restoreSteps(), checkStep("schema", "verify", { after: "amcheck" })] });
export const dependent = drillPlan({
  steps: [
    ...restoreSteps(),
    planStep("load", "verify", { required: false }),
    planStep("report", "verify", { needs: ["load"] }),
  ],
});

export const restoredIn = (ms: number): JournalBuilder => {
  const journal = sandboxed().ok("restore", ms);
  return journal.phase("verify").pass("rows", 1000).pass("amcheck", 1000).cleanup("sb-1");
};
export const rowsFails = (journal: JournalBuilder): JournalBuilder =>
  journal.phase("verify").checkFails("rows", 3000).pass("amcheck", 500).cleanup("sb-1");
export const end = (journal: JournalBuilder): JournalBuilder => journal.pass("amcheck", 500).cleanup("sb-1");
export const held = (journal: JournalBuilder): JournalBuilder =>
  journal.pass("amcheck", 500).phase("hold").begin("hold");
export const skipRest = (journal: JournalBuilder): JournalBuilder =>
  journal.skip("rows", "phase_stopped").skip("amcheck", "phase_stopped").cleanup("sb-1");
