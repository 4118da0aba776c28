import { describe, expect, test } from "vitest";
import { EXIT_CODES, exitCodeOf } from "../../../src/drills/result.ts";
import { measure } from "../../../src/drills/measure.ts";
import { decide, type Findings } from "../../../src/drills/measurement/verdict.ts";
import type { CheckRow } from "../../../src/drills/measurement/steps-schema.ts";
import { RULE_NAMES, type RuleName, RULES, RESULTS } from "../../../src/drills/measurement/verdict-schema.ts";
import { complete, heartbeat, recovered, sandboxed } from "../../support/measure-drill.ts";
import { drillPlan } from "../../support/measure-plan.ts";

const check: CheckRow = {
  step: "rows",
  title: "rows",
  phase: "verify",
  required: true,
  status: "passed",
  expected: "1",
  actual: "1",
  coverage: null,
  reason: null,
  waived: false,
};

const fine: Findings = {
  finished: true,
  cleanup: { status: "verified", problem: null },
  checks: [check],
  integrity: null,
  actions: [],
  inDoubt: [],
  halts: [],
  deadlines: [],
  deviations: [],
  rto: { verdict: "met", reason: "r", recovered: true },
  rpo: { verdict: "met", reason: "r" },
};

/** One finding per rule that makes it speak; added to a drill that is otherwise fine. */
const causes: readonly (readonly [RuleName, (findings: Findings) => Findings])[] = [
  ["CLEANUP_INCOMPLETE", (it) => ({ ...it, cleanup: { status: "incomplete", problem: "p" } })],
  ["STEP_IN_DOUBT", (it) => ({ ...it, inDoubt: ["restore"] })],
  ["STEP_BROKE", (it) => ({ ...it, actions: [...it.actions, { step: "a", state: "broke", message: "m" }] })],
  ["HALTED", (it) => ({ ...it, halts: [...it.halts, { by: "signal", reason: "SIGINT", who: null }] })],
  ["DEADLINE", (it) => ({ ...it, deadlines: [{ what: "phase 'recover'", step: null }] })],
  ["SUBJECT_FAILED", (it) => ({ ...it, actions: [...it.actions, { step: "b", state: "subject", message: "m" }] })],
  ["CHECK_FAILED", (it) => ({ ...it, checks: [...it.checks, { ...check, step: "c", status: "failed" }] })],
  ["DATA_INTEGRITY", (it) => ({ ...it, integrity: { message: "m", step: "ledger" } })],
  ["NOT_RECOVERED", (it) => ({ ...it, rto: { verdict: "missed", reason: "r", recovered: false } })],
  ["OBJECTIVE_MISSED", (it) => ({ ...it, rpo: { verdict: "missed", reason: "r" } })],
  ["UNFINISHED", (it) => ({ ...it, finished: false })],
  [
    "CHECK_NOT_MEASURED",
    (it) => ({ ...it, checks: [...it.checks, { ...check, step: "d", status: "error", reason: "r" }] }),
  ],
  ["NO_REQUIRED_CHECK", (it) => ({ ...it, checks: it.checks.map((each) => ({ ...each, phase: "recover" })) })],
  ["STEP_NOT_RUN", (it) => ({ ...it, actions: [...it.actions, { step: "e", state: "not_run", message: "m" }] })],
  [
    "OBJECTIVE_NOT_MEASURED",
    (it) => (it.rto.verdict === "met" ? { ...it, rto: { ...it.rto, verdict: "not_measured" } } : it),
  ],
  ["DEVIATIONS", (it) => ({ ...it, deviations: [{ code: "X", step: null, message: "m" }] })],
];

/** With anything else failed, a deadline is part of the failure. */
const FAILING = new Set<RuleName>([
  "SUBJECT_FAILED",
  "CHECK_FAILED",
  "DATA_INTEGRITY",
  "NOT_RECOVERED",
  "OBJECTIVE_MISSED",
]);

test("nothing to say is a pass", () => {
  expect(decide(fine)).toMatchObject({ result: "passed", exitCode: 0, rule: "ALL_MET" });
});

test.each(causes)("%s alone gives its result", (rule, cause) => {
  const verdict = decide(cause(fine));
  expect(verdict).toMatchObject({ result: RULES[rule], exitCode: EXIT_CODES[RULES[rule]], rule });
  expect(verdict.reasons).toHaveLength(1);
});

test("of every set of causes the first by precedence names the result, and none is lost", () => {
  const wrong: unknown[] = [];
  for (let set = 0; set < 2 ** causes.length; set += 1) {
    const chosen = causes.filter((_, index) => (set & (1 << index)) !== 0);
    const { rule, result, exitCode, reasons } = decide(chosen.reduce((findings, [, cause]) => cause(findings), fine));
    const expected = expectedRules(chosen.map(([name]) => name));
    const all = reasons.map((reason) => reason.rule);
    const right =
      all.join() === expected.join() &&
      rule === expected[0] &&
      result === RULES[rule] &&
      exitCode === EXIT_CODES[result];
    if (!right) wrong.push({ chosen: chosen.map(([name]) => name), all });
  }
  expect(wrong.slice(0, 3)).toEqual([]);
});

function expectedRules(chosen: readonly RuleName[]): readonly RuleName[] {
  const failed = chosen.some((rule) => FAILING.has(rule));
  const asked = chosen
    .map((rule) => (rule === "DEADLINE" && failed ? "DEADLINE_MISSED" : rule))
    // A recovery that is missed already is not unmeasured besides.
    .filter((rule) => rule !== "OBJECTIVE_NOT_MEASURED" || !chosen.includes("NOT_RECOVERED"))
    .toSorted((a, b) => RULE_NAMES.indexOf(a) - RULE_NAMES.indexOf(b));
  const faults = asked.filter((rule) => rule !== "DEVIATIONS");
  if (faults.length > 0) return faults;
  return asked.length > 0 ? ["DEVIATIONS"] : ["ALL_MET"];
}

test("rules stand in the order of the results they give", () => {
  const order = RULE_NAMES.map((rule) => RESULTS.indexOf(RULES[rule]));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test("optional and waived checks name no result", () => {
  const quiet = [
    { ...check, step: "o", required: false, status: "failed" },
    { ...check, step: "w", waived: true, status: "not_run" },
  ] as const;
  expect(decide({ ...fine, checks: [check, ...quiet] }).result).toBe("passed");
});

describe("--objectives=warn", () => {
  test("forgives a recovery that was too slow, and leaves the result as it is", () => {
    const slow = measure(drillPlan({ objectives: { rtoMs: 5000 } }), complete().records);
    expect([slow.result, exitCodeOf(slow, "enforce"), exitCodeOf(slow, "warn")]).toEqual(["failed", 1, 0]);
  });

  test("forgives neither a failed check nor anything but a miss", () => {
    const failed = measure(
      drillPlan(),
      recovered().phase("verify").checkFails("rows", 5).pass("amcheck", 5).cleanup("sb-1").records,
    );
    expect(exitCodeOf(failed, "warn")).toBe(1);
    const gone = measure(
      drillPlan({ objectives: { rtoMs: 5000 } }),
      sandboxed().timesOut("restore", 60_000).cleanup("sb-1").records,
    );
    expect([gone.result, exitCodeOf(gone, "warn")]).toEqual(["failed", 1]);
    const open = measure(drillPlan(), recovered().records);
    expect(exitCodeOf(open, "warn")).toBe(3);
  });

  test("a miss that is forgiven hides no question that went without an answer", () => {
    const journal = recovered().phase("verify").begin("rows").after(5);
    journal.fact("rows", heartbeat(journal.wallUs - 60_000_000)).add({
      type: "step.errored",
      data: {
        step: "rows",
        attempt: 1,
        error: { class: "permanent", code: "TEST", message: "broke", hint: null, details: {} },
      },
    });
    journal.pass("amcheck", 5).cleanup("sb-1");
    const lost = measure(drillPlan({ objectives: { rpoMs: 4000 } }), journal.records);
    expect(lost.reasons.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(["OBJECTIVE_MISSED", "CHECK_NOT_MEASURED"]),
    );
    expect([lost.result, exitCodeOf(lost, "enforce"), exitCodeOf(lost, "warn")]).toEqual(["failed", 1, 3]);
  });
});
