import { analysePlan } from "../machines/analysis.ts";
import { type Fault, FiredrillError, InputError } from "../support/errors.ts";
import type { StepCatalogue } from "../drills/step-signature.ts";
import { stepCatalogue } from "../wire.ts";
import { type CliIo, printJson } from "./io.ts";
import { loadDocuments, loadPlan } from "./load-plan.ts";
import { flag, type Options, text } from "./options.ts";

/** Without a system and parameters the documents are checked by themselves; with them, the plan and its charts too. */
export async function command(io: CliIo, paths: readonly string[], options: Options): Promise<number> {
  const catalogue = stepCatalogue();
  const rows: { readonly file: string; readonly faults: readonly Fault[] }[] = [];
  for (const file of paths) rows.push({ file, faults: await faultsIn(() => check(io, file, options, catalogue)) });
  const faults = rows.flatMap((row) => row.faults);
  if (flag(options, "json")) printJson(io, { valid: faults.length === 0, files: rows });
  if (faults.length > 0) {
    if (flag(options, "json")) return 2;
    throw new InputError(faults);
  }
  if (!flag(options, "json")) for (const { file } of rows) io.out(`${file} is valid\n`);
  return 0;
}

async function check(io: CliIo, file: string, options: Options, catalogue: StepCatalogue): Promise<void> {
  if (text(options, "system") === undefined && options["param"] === undefined) {
    await loadDocuments(io, file, options, catalogue);
    return;
  }
  const { plan } = await loadPlan(io, file, options, catalogue);
  const findings = analysePlan(plan);
  if (findings.length > 0) throw new FiredrillError("CHART_UNSAFE", findings.map((finding) => finding.message).join("\n"));
}

async function faultsIn(work: () => Promise<void>): Promise<readonly Fault[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.faults;
    throw error;
  }
}
