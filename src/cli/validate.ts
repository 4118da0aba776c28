import { resolve } from "node:path";
import { readYaml } from "../drills/yaml-document.ts";
import type { StepCatalogue } from "../drills/step-signature.ts";
import { buildPlan } from "../drills/build-plan.ts";
import { requireSound } from "../machines/analysis.ts";
import { type Fault, formatFault, FiredrillError, InputError } from "../support/errors.ts";
import { stepCatalogue } from "../wire.ts";
import { parseConfiguration } from "./configuration-document.ts";
import { EXIT_INPUT, exitCodeOf } from "./exit-code.ts";
import { type CliIo, printJson } from "./io.ts";
import { loadDocuments, parseInventory } from "./load-plan.ts";
import { flag, type Options, params, text } from "./options.ts";
import { readNamedFile } from "./read-file.ts";

/**
 * Any of our documents, told by their `kind`. A playbook is planned as well, and its charts analysed, with the system and
 * parameters that are given; without a system, what only a system or a parameter could settle is left open.
 */
export async function command(io: CliIo, paths: readonly string[], options: Options): Promise<number> {
  const catalogue = stepCatalogue();
  // A slip in an option is about no file.
  params(options);
  const rows: { readonly file: string; readonly faults: readonly Fault[] }[] = [];
  for (const file of paths)
    rows.push({ file, faults: await faultsIn(file, () => check(io, file, options, catalogue)) });
  // An inventory that several playbooks share is told once.
  const faults = [...new Map(rows.flatMap((row) => row.faults).map((fault) => [formatFault(fault), fault])).values()];
  if (flag(options, "json")) printJson(io, { valid: faults.length === 0, files: rows });
  else if (faults.length > 0) throw new InputError(faults);
  else for (const { file } of rows) io.out(`${file} is valid\n`);
  return faults.length === 0 ? 0 : EXIT_INPUT;
}

async function check(io: CliIo, file: string, options: Options, catalogue: StepCatalogue): Promise<readonly Fault[]> {
  const bytes = await readNamedFile(resolve(io.cwd, file));
  switch (kindOf(file, bytes)) {
    case "Inventory":
      return faultsOf(parseInventory(io, file, bytes));
    case "Configuration":
      return faultsOf(parseConfiguration(file, bytes));
    default:
      return checkPlaybook(io, file, options, catalogue);
  }
}

/** Of a document that cannot be read: null; the playbook's reader says why. */
function kindOf(file: string, bytes: Uint8Array): unknown {
  const { root } = readYaml({ file, text: bytes });
  const kind = root?.kind === "map" ? root.entries.get("kind")?.value : undefined;
  return kind?.kind === "scalar" ? kind.value : null;
}

function faultsOf(
  parsed: { readonly kind: "ok" } | { readonly kind: "faults"; readonly faults: readonly Fault[] },
): readonly Fault[] {
  return parsed.kind === "ok" ? [] : parsed.faults;
}

/** True of the playbook whatever else is given: what these say is settled by a choice made when it is run. */
const OPEN_WITHOUT_SYSTEM: ReadonlySet<string> = new Set(["MISSING_SYSTEM", "MISSING_PARAM", "GUARD_PRODUCTION"]);

async function checkPlaybook(
  io: CliIo,
  file: string,
  options: Options,
  catalogue: StepCatalogue,
): Promise<readonly Fault[]> {
  const { playbook, inventory } = await loadDocuments(io, file, options, catalogue);
  const systemName = text(options, "system") ?? null;
  const built = buildPlan({ playbook, inventory, systemName, params: params(options), catalogue });
  if (built.kind === "plan") {
    requireSound(built.plan);
    return [];
  }
  if (systemName !== null) return built.faults;
  const isOpen = ({ code }: Fault): boolean =>
    OPEN_WITHOUT_SYSTEM.has(code) || (inventory === null && code === "UNKNOWN_SYSTEM");
  return built.faults.filter((fault) => !isOpen(fault));
}

/** All faults of all files at once: one that is not there does not hide what is wrong with the others. */
async function faultsIn(file: string, work: () => Promise<readonly Fault[]>): Promise<readonly Fault[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InputError) return error.faults;
    if (!(error instanceof FiredrillError) || exitCodeOf(error) !== EXIT_INPUT) throw error;
    const { code, message, hint } = error;
    return [{ file, line: 0, col: 0, code, message, ...(hint === undefined ? {} : { hint }) }];
  }
}
