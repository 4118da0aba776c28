import { deepFreeze } from "../support/deep-freeze.ts";
import type { Fault } from "../support/errors.ts";
import type { JsonObject } from "../support/json.ts";
import type { SystemSnapshot } from "./inventory.ts";
import type { InventoryDocument } from "./load-inventory.ts";
import type { PlaybookDocument } from "./load-playbook.ts";
import { orderFaults } from "./parsed.ts";
import type { Plan } from "./plan.ts";
import { guardPlan } from "./plan-guards.ts";
import { planObjectives } from "./plan-objectives.ts";
import { planParams } from "./plan-params.ts";
import { planPhases } from "./plan-phases.ts";
import { planSha256 } from "./plan-sha256.ts";
import { planSteps } from "./plan-steps.ts";
import { chooseSystem } from "./plan-system.ts";
import { stopConditions } from "./playbook-stop-when.ts";
import type { StepCatalogue } from "./step-signature.ts";

/**
 * Playbook, inventory, system and parameters to the one frozen plan, or to every fault at once. Pure: the same input gives
 * the same plan and the same hash anywhere.
 */
export interface BuildPlanInput {
  readonly playbook: PlaybookDocument;
  readonly inventory: InventoryDocument | null;
  /** `--system`; null takes the one system that the playbook's own `with: { system }` names, if it is one. */
  readonly systemName: string | null;
  /** `--param name=text`; typed by the playbook's declarations. */
  readonly params: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /** The same that the playbook was loaded with. */
  readonly catalogue: StepCatalogue;
}

export type BuildPlanResult =
  | { readonly kind: "plan"; readonly plan: Plan; readonly sha256: string }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** What the parts of planning look at; faults are gathered, nothing is thrown. */
export interface Planning {
  readonly input: BuildPlanInput;
  readonly params: JsonObject;
  readonly system: SystemSnapshot | null;
  readonly faults: Fault[];
}

export function buildPlan(input: BuildPlanInput): BuildPlanResult {
  const faults: Fault[] = [];
  const params = planParams(input, faults);
  const system = chooseSystem(input, params, faults);
  const plan = assemble({ input, params, system, faults });
  if (faults.length > 0) return { kind: "faults", faults: orderFaults(faults) };
  deepFreeze(plan);
  return { kind: "plan", plan, sha256: planSha256(plan) };
}

function assemble(planning: Planning): Plan {
  const { playbook, inventory } = planning.input;
  const { metadata, guardrails } = playbook.spec;
  const objectives = planObjectives(planning);
  const steps = planSteps(planning, objectives.holdMs);
  guardPlan(planning);
  return {
    schemaVersion: "firedrill/plan/v1",
    name: metadata.name,
    title: metadata.title ?? metadata.name,
    owner: metadata.owner ?? null,
    controls: metadata.controls,
    objectives,
    guardrails: {
      allowProduction: guardrails.allowProduction,
      stopWhen: stopConditions(guardrails.stopWhen),
    },
    params: planning.params,
    system: planning.system,
    inventory: inventory?.systems ?? [],
    phases: planPhases(playbook.spec, steps),
    steps,
    source: {
      playbookPath: playbook.file,
      playbookSha256: playbook.sha256,
      inventoryPath: inventory?.file ?? null,
      inventorySha256: inventory?.sha256 ?? null,
    },
  };
}
