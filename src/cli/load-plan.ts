import { access } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { buildPlan } from "../drills/build-plan.ts";
import { type InventoryDocument, loadInventory } from "../drills/load-inventory.ts";
import { loadPlaybook, type PlaybookDocument } from "../drills/load-playbook.ts";
import type { Parsed } from "../drills/parsed.ts";
import type { Plan } from "../drills/plan.ts";
import type { StepCatalogue } from "../drills/step-signature.ts";
import { type Fault, InputError } from "../support/errors.ts";
import type { CliIo } from "./io.ts";
import { type Options, params, text } from "./options.ts";
import { readNamedFile } from "./read-file.ts";

export interface LoadedPlan {
  readonly plan: Plan;
  readonly sha256: string;
  readonly playbookText: string;
  readonly inventoryText: string | null;
}

export interface LoadedDocuments {
  readonly playbook: PlaybookDocument;
  readonly inventory: InventoryDocument | null;
  readonly playbookText: string;
  readonly inventoryText: string | null;
}

/** Playbook, inventory, system and parameters as the options name them, as one plan. Throws every fault at once. */
export async function loadPlan(
  io: CliIo,
  path: string,
  options: Options,
  catalogue: StepCatalogue,
): Promise<LoadedPlan> {
  const { playbook, inventory, playbookText, inventoryText } = await loadDocuments(io, path, options, catalogue);
  const built = buildPlan({
    playbook,
    inventory,
    systemName: text(options, "system") ?? null,
    params: params(options),
    catalogue,
  });
  if (built.kind === "faults") throw new InputError(built.faults);
  return { plan: built.plan, sha256: built.sha256, playbookText, inventoryText };
}

/** The two files by themselves: what can be told of them without a system and parameters. */
export async function loadDocuments(
  io: CliIo,
  path: string,
  options: Options,
  catalogue: StepCatalogue,
): Promise<LoadedDocuments> {
  const playbookBytes = await readNamedFile(resolve(io.cwd, path));
  const inventoryPath = await inventoryFor(io, path, options);
  const inventoryBytes = inventoryPath === null ? null : await readNamedFile(resolve(io.cwd, inventoryPath));
  const playbook = loadPlaybook({ file: path, text: playbookBytes }, catalogue);
  const inventory =
    inventoryPath === null || inventoryBytes === null ? null : parseInventory(io, inventoryPath, inventoryBytes);
  const faults = [...faultsOf(playbook), ...faultsOf(inventory)];
  if (playbook.kind === "faults" || inventory?.kind === "faults") throw new InputError(faults);
  return {
    playbook: playbook.value,
    inventory: inventory?.value ?? null,
    playbookText: decode(playbookBytes),
    inventoryText: inventoryBytes === null ? null : decode(inventoryBytes),
  };
}

export function parseInventory(io: CliIo, path: string, bytes: Uint8Array): Parsed<InventoryDocument> {
  return loadInventory({ file: path, text: bytes, baseDir: dirname(resolve(io.cwd, path)) });
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** `--inventory`, else `inventory.yaml` beside the playbook or in the current folder when there is one. */
async function inventoryFor(io: CliIo, playbook: string, options: Options): Promise<string | null> {
  const named = text(options, "inventory");
  if (named !== undefined) return named;
  for (const candidate of [join(dirname(playbook), "inventory.yaml"), "inventory.yaml"]) {
    const there = await access(resolve(io.cwd, candidate)).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  return null;
}

function faultsOf(parsed: Parsed<unknown> | null): readonly Fault[] {
  return parsed?.kind === "faults" ? parsed.faults : [];
}
