import type { HaltSource } from "../run-event.ts";
import { EXIT_CODES, type RunResult } from "../result.ts";
import type { CheckRow, Cleanup } from "./steps-schema.ts";
import { type Deviation, type Reason, RESULTS, type RpoVerdict, type RtoVerdict } from "./verdict-schema.ts";

/** Everything the result depends on; how it was found out is the other files' matter. */
export interface Findings {
  readonly finished: boolean;
  readonly cleanup: Pick<Cleanup, "status" | "problem">;
  readonly rto: Pick<RtoVerdict, "verdict" | "reason" | "recovered">;
  readonly rpo: Pick<RpoVerdict, "verdict" | "reason">;
  readonly checks: readonly CheckRow[];
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
 * The rules in order of precedence: results from `error` down to `passed`, and within a result the more telling first.
 * All reasons are listed; the first names the result. The table for people stands in docs/measurement.md.
 */
export function decide(findings: Findings): Verdict {
  const bad = [...errors(findings), ...halted(findings), ...failures(findings), ...gaps(findings)];
  const reasons = [...bad, ...deadlines(findings, bad)].toSorted((a, b) => RESULTS.indexOf(a.result) - RESULTS.indexOf(b.result));
  const [first] = reasons;
  if (first === undefined) return withoutReason(findings);
  return { result: first.result, exitCode: EXIT_CODES[first.result], rule: first.rule, reasons };
}

function withoutReason(findings: Findings): Verdict {
  const count = findings.deviations.length;
  if (count > 0) {
    const message = `${count} deviation${count === 1 ? "" : "s"}: ${[...new Set(findings.deviations.map((each) => each.code))].join(", ")}`;
    return verdict({ rule: "DEVIATIONS", result: "passed_with_deviations", message, steps: [] });
  }
  const message = "all objectives met, all required checks passed, cleanup verified";
  return verdict({ rule: "ALL_MET", result: "passed", message, steps: [] });
}

function verdict(reason: Reason): Verdict {
  return { result: reason.result, exitCode: EXIT_CODES[reason.result], rule: reason.rule, reasons: [reason] };
}

function errors({ cleanup, inDoubt, actions }: Findings): readonly Reason[] {
  const reasons: Reason[] = [];
  if (cleanup.status === "incomplete") {
    reasons.push({ rule: "CLEANUP_INCOMPLETE", result: "error", message: `not everything is gone: ${cleanup.problem ?? ""}`, steps: [] });
  }
  if (inDoubt.length > 0) {
    const message = "nobody can tell what an interrupted effect did; a person must look";
    reasons.push({ rule: "STEP_IN_DOUBT", result: "error", message, steps: [...inDoubt] });
  }
  const broke = actions.filter((action) => action.state === "broke");
  return [...reasons, ...broke.map((each) => about("STEP_BROKE", "error", each))];
}

function halted({ halts }: Findings): readonly Reason[] {
  return halts
    .filter((halt) => halt.by !== "deadline")
    .map((halt) => {
      const message = `stopped by ${halt.by}${halt.who === null ? "" : ` (${halt.who})`}: ${halt.reason}`;
      return { rule: "HALTED", result: "aborted", message, steps: [] };
    });
}

function failures({ rto, rpo, checks, actions }: Findings): readonly Reason[] {
  const reasons: Reason[] = [];
  if (rto.verdict === "missed") {
    const rule = rto.recovered ? "OBJECTIVE_MISSED" : "NOT_RECOVERED";
    reasons.push({ rule, result: "failed", message: `RTO missed: ${rto.reason}`, steps: [] });
  }
  if (rpo.verdict === "missed") {
    reasons.push({ rule: "OBJECTIVE_MISSED", result: "failed", message: `RPO missed: ${rpo.reason}`, steps: [] });
  }
  const subject = actions.filter((action) => action.state === "subject");
  return [
    ...reasons,
    ...checks.filter((check) => check.required && check.status === "failed").map(checkFailed),
    ...subject.map((each) => about("SUBJECT_FAILED", "failed", each)),
  ];
}

function checkFailed(check: CheckRow): Reason {
  const saw = check.actual === null ? (check.reason ?? "it answered no") : `expected ${check.expected ?? "?"}, saw ${check.actual}`;
  return { rule: "CHECK_FAILED", result: "failed", message: `check '${check.step}' failed: ${saw}`, steps: [check.step] };
}

/** A deadline stopped the drill; where something had failed already, the deadline is part of that failure. */
function deadlines({ deadlines, halts }: Findings, others: readonly Reason[]): readonly Reason[] {
  const failed = others.some((reason) => reason.result === "failed");
  const rule = failed ? "DEADLINE_MISSED" : "DEADLINE";
  const result = failed ? "failed" : "aborted";
  return [
    ...halts.filter((halt) => halt.by === "deadline").map((halt): Reason => ({ rule, result, message: halt.reason, steps: [] })),
    ...deadlines.map((each): Reason => {
      const steps = each.step === null ? [] : [each.step];
      return { rule, result, message: `the deadline of ${each.what} passed`, steps };
    }),
  ];
}

function gaps(findings: Findings): readonly Reason[] {
  const { finished, rto, rpo, checks, actions } = findings;
  const reasons: Reason[] = [];
  const gap = (rule: Reason["rule"], message: string, steps: readonly string[] = []): void => {
    reasons.push({ rule, result: "inconclusive", message, steps: [...steps] });
  };
  if (!finished) gap("UNFINISHED", "the journal ends before the drill did: it is still running or was interrupted");
  if (rto.verdict === "not_measured") gap("OBJECTIVE_NOT_MEASURED", `RTO not measured: ${rto.reason}`);
  if (rpo.verdict === "not_measured") gap("OBJECTIVE_NOT_MEASURED", `RPO not measured: ${rpo.reason}`);
  const silent = unanswered(checks);
  if (silent.length > 0) gap("CHECK_NOT_MEASURED", silent.map(silence).join("; "), silent.map((check) => check.step));
  if (!checks.some((check) => check.phase === "verify" && check.required && !check.waived)) {
    gap("NO_REQUIRED_CHECK", "no required check of the verify phase was asked: nothing shows that the copy is good");
  }
  const undone = actions.filter((action) => action.state === "not_run");
  if (undone.length > 0) gap("STEP_NOT_RUN", `required steps did not run: ${quoted(undone)}`, undone.map((each) => each.step));
  return reasons;
}

function unanswered(checks: readonly CheckRow[]): readonly CheckRow[] {
  return checks.filter((check) => check.required && !check.waived && (check.status === "error" || check.status === "not_run"));
}

function silence(check: CheckRow): string {
  return `check '${check.step}' ${check.status === "error" ? "gave no answer" : "was not run"}: ${check.reason ?? "no reason given"}`;
}

const quoted = (actions: readonly ActionFinding[]): string => actions.map((each) => `'${each.step}'`).join(", ");

function about(rule: Reason["rule"], result: Reason["result"], action: ActionFinding): Reason {
  return { rule, result, message: `step '${action.step}': ${action.message}`, steps: [action.step] };
}
