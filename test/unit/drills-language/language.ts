import { buildPlan, type BuildPlanInput, type BuildPlanResult } from "../../../src/drills/build-plan.ts";
import { loadInventory, type InventoryDocument } from "../../../src/drills/load-inventory.ts";
import { loadPlaybook, type PlaybookDocument } from "../../../src/drills/load-playbook.ts";
import type { Parsed } from "../../../src/drills/parsed.ts";
import { InputError, type Fault } from "../../../src/support/errors.ts";
import { langCatalogue } from "../../support/lang-catalogue.ts";
import { GOOD_INVENTORY, GOOD_PLAYBOOK } from "../../support/lang-documents.ts";

export function load(text: string | Uint8Array): Parsed<PlaybookDocument> {
  return loadPlaybook({ file: "p.yaml", text }, langCatalogue);
}

export function loadSystems(text: string | Uint8Array): Parsed<InventoryDocument> {
  return loadInventory({ file: "i.yaml", text, baseDir: "/srv/drills" });
}

/** The value, or the faults as an error a test would show. */
export function must<T>(parsed: Parsed<T>): T {
  if (parsed.kind === "faults") throw new InputError(parsed.faults);
  return parsed.value;
}

export interface PlanOptions {
  readonly playbook?: string;
  readonly inventory?: string | null;
  readonly system?: string | null;
  readonly params?: BuildPlanInput["params"];
}

export function plan({
  playbook = GOOD_PLAYBOOK,
  inventory = GOOD_INVENTORY,
  system = "orders",
  params = {},
}: PlanOptions = {}): BuildPlanResult {
  const systems = inventory === null ? null : must(loadSystems(inventory));
  return buildPlan({
    playbook: must(load(playbook)),
    inventory: systems,
    systemName: system,
    params,
    catalogue: langCatalogue,
  });
}

export function mustPlan(options: PlanOptions = {}) {
  const result = plan(options);
  if (result.kind === "faults") throw new InputError(result.faults);
  return result;
}

export function places(faults: readonly Fault[]): readonly string[] {
  return faults.map(({ line, col, code }) => `${line}:${col} ${code}`);
}
