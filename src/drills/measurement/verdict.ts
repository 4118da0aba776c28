import type { HaltSource } from "../run-event.ts";
import { EXIT_CODES, type RunResult } from "../result.ts";
import type { CheckRow, Cleanup } from "./steps-schema.ts";
import {
  type Deviation,
  type Reason,
  RULE_NAMES,
  type RuleName,
  RULES,
  type RpoVerdict,
  type RtoVerdict,
} from "./verdict-schema.ts";

/** Everything the result depends on; how it was found out is the other files' matter. */
export interface Findings {
  readonly finished: boolean;
  readonly cleanup: Pick<Cleanup, "status" | "problem">;
  readonly rto: Pick<RtoVerdict, "verdict" | "reason" | "recovered">;
  readonly rpo: Pick<RpoVerdict, "verdict" | "reason">;
  readonly checks: readonly CheckRow[];
  /** What the canary read back is not what it wrote. */
  readonly integrity: { readonly message: string; readonly step: string } | null;
  /** Actions without a question, required ones only. */
  readonly actions: readonly ActionFinding[];
  /** Steps in doubt, required or not: a person must look. */
  readonly inDoubt: readonly string[];
  /** Stopped before the drill's phases were through. */
  readonly halts: readonly { readonly by: HaltSource; readonly reason: string; readonly who: string | null }[];
  /** Phases and required actions whose deadline passed for good. */
  readonly deadlines: readonly { readonly what: string; readonly step: string | null }[];
  readonly deviations: readonly Deviation[];
}

export interface ActionFinding {
  readonly step: string;
  readonly state: "done" | "waived" | "subject" | "broke" | "in_doubt" | "timed_out" | "not_run";
  readonly message: string;
}

export type Verdict = Pick<RunResult, "result" | "exitCode" | "rule" | "reasons">;

/**
 * Applies every rule and puts the reasons in order of precedence: the first names the result, all are listed. `RULES` has
 * the order, docs/measurement.md the table for people.
 */
export function decide(findings: Findings): Verdict {
  const bad = [...errors(findings), ...halted(findings), ...failures(findings), ...gaps(findings)];
  const reasons = [...bad, ...deadlines(findings, bad)].toSorted(
    (a, b) => RULE_NAMES.indexOf(a.rule) - RULE_NAMES.indexOf(b.rule),
  );
  const first = reasons.at(0) ?? withoutFault(findings);
  return {
    result: first.result,
    exitCode: EXIT_CODES[first.result],
    rule: first.rule,
    reasons: reasons.length === 0 ? [first] : reasons,
  };
}

function because(rule: RuleName, message: string, steps: readonly string[] = []): Reason {
  return { rule, result: RULES[rule], message, steps: [...steps] };
}

function withoutFault({ deviations }: Findings): Reason {
  const count = deviations.length;
  if (count === 0) return because("ALL_MET", "all objectives met, all required checks passed, cleanup verified");
  const codes = [...new Set(deviations.map((each) => each.code))].join(", ");
  return because("DEVIATIONS", `${count} deviation${count === 1 ? "" : "s"}: ${codes}`);
}

function errors({ cleanup, inDoubt, actions }: Findings): readonly Reason[] {
  const reasons: Reason[] = [];
  if (cleanup.status === "incomplete")
    reasons.push(because("CLEANUP_INCOMPLETE", `not everything is gone: ${cleanup.problem ?? ""}`));
  if (inDoubt.length > 0) {
    reasons.push(
      because("STEP_IN_DOUBT", "nobody can tell what an interrupted effect did; a person must look", inDoubt),
    );
  }
  const broke = actions.filter((action) => action.state === "broke");
  return [...reasons, ...broke.map((action) => about("STEP_BROKE", action))];
}

function halted({ halts }: Findings): readonly Reason[] {
  return halts
    .filter((halt) => halt.by !== "deadline")
    .map((halt) =>
      because("HALTED", `stopped by ${halt.by}${halt.who === null ? "" : ` (${halt.who})`}: ${halt.reason}`),
    );
}

function failures({ rto, rpo, checks, integrity, actions }: Findings): readonly Reason[] {
  const reasons: Reason[] = [];
  if (rto.verdict === "missed") {
    reasons.push(because(rto.recovered ? "OBJECTIVE_MISSED" : "NOT_RECOVERED", `RTO missed: ${rto.reason}`));
  }
  if (rpo.verdict === "missed") reasons.push(because("OBJECTIVE_MISSED", `RPO missed: ${rpo.reason}`));
  if (integrity !== null) reasons.push(because("DATA_INTEGRITY", integrity.message, [integrity.step]));
  const failed = checks.filter((check) => check.required && check.status === "failed");
  const subject = actions.filter((action) => action.state === "subject");
  return [...reasons, ...failed.map(checkFailed), ...subject.map((action) => about("SUBJECT_FAILED", action))];
}

function checkFailed(check: CheckRow): Reason {
  const saw =
    check.actual === null
      ? (check.reason ?? "it answered no")
      : `expected ${check.expected ?? "?"}, saw ${check.actual}`;
  return because("CHECK_FAILED", `check '${check.step}' failed: ${saw}`, [check.step]);
}

/** A deadline stopped the drill; where something had failed already, the deadline is part of that failure. */
function deadlines(findings: Findings, others: readonly Reason[]): readonly Reason[] {
  const rule = others.some((reason) => reason.result === "failed") ? "DEADLINE_MISSED" : "DEADLINE";
  return [
    ...findings.halts.filter((halt) => halt.by === "deadline").map((halt) => because(rule, halt.reason)),
    ...findings.deadlines.map(({ what, step }) =>
      because(rule, `the deadline of ${what} passed`, step === null ? [] : [step]),
    ),
  ];
}

function gaps({ finished, rto, rpo, checks, actions }: Findings): readonly Reason[] {
  const reasons: Reason[] = [];
  if (!finished)
    reasons.push(
      because("UNFINISHED", "the journal ends before the drill did: it is still running or was interrupted"),
    );
  const silent = checks.filter(isSilent);
  if (silent.length > 0)
    reasons.push(
      because(
        "CHECK_NOT_MEASURED",
        silence(silent),
        silent.map((check) => check.step),
      ),
    );
  if (!checks.some((check) => check.phase === "verify" && check.required && !check.waived)) {
    reasons.push(
      because(
        "NO_REQUIRED_CHECK",
        "no required check of the verify phase was asked: nothing shows that the copy is good",
      ),
    );
  }
  const undone = actions.filter((action) => action.state === "not_run").map((action) => action.step);
  if (undone.length > 0) reasons.push(because("STEP_NOT_RUN", `required steps did not run: ${quoted(undone)}`, undone));
  if (rto.verdict === "not_measured")
    reasons.push(because("OBJECTIVE_NOT_MEASURED", `RTO not measured: ${rto.reason}`));
  if (rpo.verdict === "not_measured")
    reasons.push(because("OBJECTIVE_NOT_MEASURED", `RPO not measured: ${rpo.reason}`));
  return reasons;
}

function isSilent(check: CheckRow): boolean {
  return check.required && !check.waived && (check.status === "error" || check.status === "not_run");
}

/** Checks that are silent for the same reason share a sentence. */
function silence(checks: readonly CheckRow[]): string {
  return [...Map.groupBy(checks, said)]
    .map(([why, same]) => `${same.length === 1 ? "check" : "checks"} ${quoted(same.map((check) => check.step))} ${why}`)
    .join("; ");
}

function said(check: CheckRow): string {
  return `${check.status === "error" ? "without an answer" : "not run"}: ${check.reason ?? "no reason given"}`;
}

const quoted = (ids: readonly string[]): string => ids.map((id) => `'${id}'`).join(", ");

function about(rule: RuleName, action: ActionFinding): Reason {
  return because(rule, `step '${action.step}': ${action.message}`, [action.step]);
}
