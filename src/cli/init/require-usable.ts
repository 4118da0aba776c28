import { buildPlan } from "../../drills/build-plan.ts";
import { loadInventory } from "../../drills/load-inventory.ts";
import { loadPlaybook } from "../../drills/load-playbook.ts";
import type { StepCatalogue } from "../../drills/step-signature.ts";
import { type Fault, FiredrillError } from "../../support/errors.ts";

export interface Written {
  readonly inventory: string;
  readonly playbook: string;
  readonly system: string;
  readonly baseDir: string;
  readonly catalogue: StepCatalogue;
}

/** What is about to be written goes through the same checks as what people write. Throws `INIT_NAME`, `INIT_PATH`. */
export function requireUsable({ inventory, playbook, system, baseDir, catalogue }: Written): void {
  const systems = loadInventory({ file: "inventory.yaml", text: inventory, baseDir });
  if (systems.kind === "faults") throw unusable(systems.faults);
  const drill = loadPlaybook({ file: "restore.yaml", text: playbook }, catalogue);
  if (drill.kind === "faults") throw unusable(drill.faults);
  const plan = buildPlan({
    playbook: drill.value,
    inventory: systems.value,
    systemName: system,
    params: new Map(),
    catalogue,
  });
  if (plan.kind === "faults") throw unusable(plan.faults);
}

/** Only the name and the paths are not ours. */
function unusable(faults: readonly Fault[]): FiredrillError {
  const [first] = faults;
  if (first?.code === "BAD_NAME") {
    const hint = "as in --system orders";
    return new FiredrillError("INIT_NAME", "--system takes lower-case letters, digits and hyphens, at most 63", {
      hint,
    });
  }
  return new FiredrillError("INIT_PATH", `a path cannot stand in an inventory: ${first?.message ?? "unknown"}`, {
    hint: "rename the folder, or reach it through a link with a plain name",
  });
}
