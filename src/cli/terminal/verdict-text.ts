import type { RunResult } from "../../drills/result.ts";
import { formatBytes, formatDurationUs, formatWallUs } from "../../support/format.ts";
import { failoverText } from "./failover-text.ts";
import type { Paint } from "./paint.ts";
import { oneLine } from "./plain-text.ts";

type Section = (result: RunResult, paint: Paint) => string[];

/** The end of a drill for a person: verdict, objectives, timeline, loss, checks, deviations, cleanup. */
export function verdictText(result: RunResult, paint: Paint): string {
  const sections: readonly Section[] = [
    verdict,
    objectives,
    marks,
    longest,
    failoverText,
    source,
    checks,
    deviations,
    cleanup,
  ];
  return sections
    .map((section) => section(result, paint))
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function verdict(result: RunResult, paint: Paint): string[] {
  const name = result.result.replaceAll("_", " ").toUpperCase();
  const colour =
    result.exitCode === 0
      ? paint.good
      : result.result === "failed" || result.result === "error"
        ? paint.bad
        : paint.warn;
  const where = result.run.system === null ? "" : ` on ${oneLine(result.run.system.name)}`;
  const lines = [`${colour(paint.bold(name))}  ${oneLine(result.run.title)}${where}  ${paint.dim(result.run.id)}`];
  if (result.run.mode === "simulated") lines.push(paint.warn("  simulated: not evidence"));
  if (result.result !== "passed") lines.push(...reasons(result, paint));
  return lines;
}

/** What gave the result its name; what only follows from that stands in `result.json` and the report. */
function reasons(result: RunResult, paint: Paint): string[] {
  const deciding = result.reasons.filter((reason) => reason.result === result.result);
  const others = result.reasons.length - deciding.length;
  return [
    ...deciding.flatMap((reason) => [`  ${oneLine(reason.message, 400)}`, ...hints(result, reason.steps)]),
    ...(others === 0 ? [] : [paint.dim(`  and ${others} more that followed or weigh less: see the report`)]),
  ];
}

function hints({ steps }: RunResult, of: readonly string[]): string[] {
  const failed = steps.filter(({ id }) => of.includes(id));
  return failed.flatMap(({ failure }) =>
    failure === null || failure.hint === null ? [] : [`    hint: ${oneLine(failure.hint, 400)}`],
  );
}

function objectives(result: RunResult, paint: Paint): string[] {
  const { rto, rpo } = result.objectives;
  return [
    paint.bold("Objectives"),
    objective("RTO", rto, `T6 - ${rto.clock === "total" ? "T0" : "T3"}`, paint),
    objective("RPO", rpo, rpo.compared === null ? "" : `${rpo.compared.replaceAll("_", " ")}, ${rpo.basis}`, paint),
  ];
}

type Objective = RunResult["objectives"]["rto"] | RunResult["objectives"]["rpo"];

function objective(name: string, row: Objective, rule: string, paint: Paint): string {
  // A number that may not be compared is not printed as if it had been.
  const measured = row.value.status === "measured" && row.verdict !== "not_measured" ? row.value.text : reasonOf(row);
  if (row.verdict === "not_set") return `  ${name}  no target set; ${oneLine(measured)}`;
  const sign =
    row.verdict === "met"
      ? paint.good("met")
      : row.verdict === "missed"
        ? paint.bad("MISSED")
        : paint.warn("not measured");
  const target = row.targetUs === null ? "" : `target ${formatDurationUs(row.targetUs)}`;
  const margin = row.marginUs === null ? "" : `, margin ${formatDurationUs(row.marginUs)}`;
  return `  ${name}  ${sign}  ${oneLine(measured)} (${target}${margin}${rule === "" ? "" : `; ${rule}`})`;
}

function reasonOf(row: Objective): string {
  return row.verdict === "not_measured" || row.value.status === "measured" ? row.reason : row.value.reason;
}

function marks(result: RunResult, paint: Paint): string[] {
  const [t0] = result.marks;
  const zero = t0?.status === "measured" ? t0.atUs : null;
  const rows = result.marks.flatMap((mark) => {
    if (mark.status !== "measured") return [];
    const after = zero === null ? "" : `+${formatDurationUs(mark.atUs - zero)}`;
    const when = `${after.padEnd(11)} ${formatWallUs(mark.wallUs)}`;
    return [`  ${mark.mark}  ${when}  ${oneLine(mark.meaning, 70)} ${paint.dim(`[${mark.source}]`)}`];
  });
  return [
    paint.bold("Timeline"),
    ...rows,
    ...without(result, "not_applicable", paint),
    ...without(result, "not_measured", paint),
  ];
}

/** Marks without a time, in one line, with the reason of the first: the others mostly follow from it. */
function without(result: RunResult, status: "not_applicable" | "not_measured", paint: Paint): string[] {
  const missing = result.marks.filter((mark) => mark.status === status);
  const [first] = missing;
  if (first === undefined || first.status === "measured") return [];
  const names = missing.map(({ mark }) => mark).join(" ");
  return [paint.dim(`  ${names}  ${status.replace("_", " ")}: ${oneLine(first.reason, 120)}`)];
}

function longest(result: RunResult, paint: Paint): string[] {
  const path = result.criticalPath;
  if (path.contributions.length === 0) return [];
  const rows = path.contributions
    .slice(0, 4)
    .map(
      (part) =>
        `  ${formatDurationUs(part.criticalUs).padStart(11)}  ${(part.sharePermille / 10).toFixed(1).padStart(5)} %  ${part.step}`,
    );
  const shrink = path.shrink?.alone[0] ?? path.shrink?.together[0];
  if (shrink !== undefined)
    rows.push(`  to meet the RTO, ${shrink.step} must shrink by ${formatDurationUs(shrink.byUs)}`);
  return [paint.bold(`Longest steps (${path.window})`), ...rows];
}

function source(result: RunResult, paint: Paint): string[] {
  const { source: from, recoveryPoint: point, transfers } = result.observed;
  const lines: string[] = [];
  if (from !== null)
    lines.push(
      `  backup ${oneLine(from.backupId)} (${from.format}, ${formatBytes(from.sizeBytes)}), selected: ${oneLine(from.selection)}`,
    );
  for (const copy of transfers) {
    lines.push(
      `  copied ${formatBytes(copy.bytes)} in ${copy.files} files, ${copy.verifiedFiles} verified by ${copy.checksum}, ${formatDurationUs(copy.durationUs)}`,
    );
  }
  if (point !== null) {
    const commit =
      point.commitWallUs === null ? "no commit replayed" : `last commit ${formatWallUs(point.commitWallUs, 6)}`;
    lines.push(`  recovered to ${point.lsn} on timeline ${point.timeline}, ${commit}`);
  }
  const { newestSurvivorAge, recoveryPointAge } = result.loss;
  // The canary's own is the same as what is lost, which stands with the failover.
  if (newestSurvivorAge.status === "measured" && result.observed.canary === null)
    lines.push(`  newest survivor: ${newestSurvivorAge.text} before the disaster`);
  if (recoveryPointAge.status === "measured")
    lines.push(`  recovery point: ${recoveryPointAge.text} before the disaster`);
  return lines.length === 0 ? [] : [paint.bold("Recovered from"), ...lines];
}

function checks(result: RunResult, paint: Paint): string[] {
  const rows = result.checks.filter((check) => check.status !== "not_run").map((check) => checkRow(check, paint));
  const idle = result.checks.filter((check) => check.status === "not_run");
  if (idle.length > 0) rows.push(paint.warn(`  ? not run: ${oneLine(idle.map(({ step }) => step).join(", "), 200)}`));
  return rows.length === 0 ? [] : [paint.bold("Checks"), ...rows];
}

function checkRow(check: RunResult["checks"][number], paint: Paint): string {
  const sign = { passed: paint.good("✓"), failed: paint.bad("✗"), error: paint.warn("?"), not_run: "?" }[check.status];
  const seen =
    check.status === "failed"
      ? `expected ${check.expected ?? "?"}, got ${check.actual ?? "?"}`
      : (check.actual ?? check.reason ?? "");
  return `  ${sign} ${oneLine(check.title, 60)}${check.required ? "" : " (optional)"}  ${paint.dim(oneLine(seen, 160))}`;
}

function deviations(result: RunResult, paint: Paint): string[] {
  const rows = result.deviations.map(
    (deviation) =>
      `  ${oneLine(deviation.code, 60)}${deviation.step === null ? "" : ` (${deviation.step})`}: ${oneLine(deviation.message, 300)}`,
  );
  return rows.length === 0 ? [] : [paint.bold("Deviations"), ...rows];
}

function cleanup(result: RunResult, paint: Paint): string[] {
  const { status, resources, problem } = result.cleanup;
  const left = resources.filter((resource) => resource.state !== "destroyed");
  if (left.length === 0 && problem === null)
    return [
      `${paint.bold("Cleanup")}  ${status.replaceAll("_", " ")}, ${resources.length} removed`,
      ...heldBack(resources),
    ];
  return [
    `${paint.bold("Cleanup")}  ${paint.bad(status.replaceAll("_", " "))}`,
    ...(problem === null ? [] : [`  ${oneLine(problem)}`]),
    ...left.map(
      (resource) =>
        `  LEFT ${resource.kind} ${oneLine(resource.id, 80)}: ${oneLine(resource.reason ?? "not verified")}`,
    ),
  ];
}

/** Undone faults whose server was not let go, since another one had taken its place: somebody must make it a standby again. */
function heldBack(resources: RunResult["cleanup"]["resources"]): string[] {
  const faults = resources.filter(
    ({ kind, verifiedBy }) => kind === "fault" && verifiedBy?.includes("standby.signal is there"),
  );
  return [...new Set(faults.map(({ verifiedBy }) => `  held back: ${oneLine(verifiedBy ?? "", 200)}`))];
}
