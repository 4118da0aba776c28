import { APPROVAL_USES, disruptiveSteps, needsConsents } from "../drills/consents.ts";
import type { Plan, PlanPhase, PlanStep } from "../drills/plan.ts";
import { expectedOf, type StopCondition } from "../drills/stop-condition.ts";
import { formatDuration } from "../support/duration.ts";
import { stepCatalogue } from "../wire.ts";
import { type CliIo, printJson } from "./io.ts";
import { loadPlan } from "./load-plan.ts";
import { flag, type Options } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

export async function command(io: CliIo, [path = ""]: readonly string[], options: Options): Promise<number> {
  const { plan, sha256 } = await loadPlan(io, path, options, stepCatalogue());
  if (flag(options, "json")) printJson(io, { sha256, plan });
  else io.out(planText(plan, sha256));
  return 0;
}

/** What would happen, in order, with guards and what would be created. */
export function planText(plan: Plan, sha256: string): string {
  return [
    `${oneLine(plan.title)} (${plan.name}), plan ${sha256.slice(0, 16)}`,
    systemLine(plan),
    objectivesLine(plan),
    ...Object.entries(plan.params).map(([name, value]) => `param ${name} = ${oneLine(JSON.stringify(value))}`),
    ...guardLines(plan),
    "",
    ...plan.phases.flatMap((phase) => phaseLines(plan, phase)),
    "cleanup: everything above that is created, from the ledger, whatever happens; verified",
    "",
  ].join("\n");
}

function systemLine({ system }: Plan): string {
  return system === null
    ? "system: none"
    : `system: ${system.name} (${system.engine}, ${system.environment}${system.tier === null ? "" : `, tier ${system.tier}`})`;
}

function objectivesLine({ objectives: { rtoMs, rpoMs, holdMs, clock, setBy } }: Plan): string {
  return `objectives: ${target("RTO", rtoMs, setBy.rto)} by the ${clock} clock, ${target("RPO", rpoMs, setBy.rpo)}${holdMs === 0 ? "" : `, healthy for ${formatDuration(holdMs)}`}`;
}

function target(name: string, ms: number | null, by: string | null): string {
  return ms === null ? `${name} not set` : `${name} ${formatDuration(ms)} (${by ?? "?"})`;
}

/** What stands before the first disruption, and what stops the drill after it. */
function guardLines(plan: Plan): string[] {
  const disruptive = disruptiveSteps(plan);
  if (disruptive.length === 0 || plan.system === null) return [];
  const { name, environment } = plan.system;
  const approvals = plan.steps.filter((step) => step.uses === APPROVAL_USES);
  const healthy = plan.steps.filter((step) => step.phase === "prepare" && step.required && asks(step));
  const asked = approvals.map((step) => `${step.id} (${step.phase})`).join(", ");
  return [
    `guards: ${ids(disruptive)} change ${name}, which is ${environment}; one such run at a time`,
    `  confirmation: ${needsConsents(plan) ? `--confirm ${name}` : "not needed"}`,
    `  approvals: ${asked === "" ? "none" : asked}`,
    `  healthy first: ${healthy.length === 0 ? "nothing checks it" : ids(healthy)}`,
    ...plan.guardrails.stopWhen.map((condition) => `  ${stopLine(condition)}`),
  ];
}

function ids(steps: readonly PlanStep[]): string {
  return steps.map((step) => step.id).join(", ");
}

function asks(step: PlanStep): boolean {
  return step.role === "check" || step.expect !== null;
}

function stopLine(condition: StopCondition): string {
  const { title, everyMs, breaches, whenUnknown } = condition;
  const often = breaches === 1 ? "" : `, ${breaches} breaches in a row`;
  const silent = whenUnknown === "stop" ? "; no answer counts as a breach" : "";
  return `stops unless: ${oneLine(title, 80)}: ${oneLine(expectedOf(condition), 80)} (every ${formatDuration(everyMs)}${often}${silent})`;
}

function phaseLines(plan: Plan, phase: PlanPhase): string[] {
  const rule = phase.onFailure === "stop" ? "a required step that fails ends it" : "every step runs";
  return [
    `${phase.name} (at most ${formatDuration(phase.timeoutMs)}; ${rule})`,
    ...plan.steps.filter((step) => step.phase === phase.name).flatMap(stepLines),
    "",
  ];
}

function stepLines(step: PlanStep): string[] {
  const needs = step.needs.length > 0 ? `, after success of ${step.needs.join(", ")}` : "";
  const attempts = step.retry.attempts > 1 ? `, ${step.retry.attempts} attempts` : "";
  const head = `  ${step.id}: ${oneLine(step.title, 80)} [${step.uses}, ${step.effect}${step.required ? "" : ", optional"}, at most ${formatDuration(step.timeoutMs)}${attempts}${needs}]`;
  const lines = [head];
  if (step.effect === "disruptive") lines.push("    guard: disruptive; asks the guards before every attempt");
  if (step.when !== null) lines.push(`    only when ${oneLine(step.when)}`);
  if (step.expect !== null) lines.push(`    expects ${oneLine(step.expect)}`);
  if (step.creates.length > 0) lines.push(`    creates: ${step.creates.join(", ")}`);
  return lines;
}
