import type { RunResult } from "../drills/result.ts";

/**
 * A run as JUnit XML: one test case for the verdict, one per objective and per step, so that a CI server shows a drill as it
 * shows tests. A step or objective that gave no answer is an `error`, one that was not wanted is `skipped`. The verdict's
 * own case keeps a run red whose steps all passed: something was left behind, or the run was halted.
 */
export function renderJunit(result: RunResult): string {
  const cases = [verdict(result), ...objectives(result), ...result.steps.map((step) => stepCase(result, step))];
  const suite = `firedrill.${result.run.playbook}`;
  const count = (kind: Case["kind"]): number => cases.filter((each) => each.kind === kind).length;
  const { run } = result.durations;
  const head = {
    name: suite,
    tests: String(cases.length),
    failures: String(count("failure")),
    errors: String(count("error")),
    skipped: String(count("skipped")),
    time: seconds(run.status === "measured" ? run.valueUs : 0),
    timestamp: new Date(Math.floor(result.run.startedWallUs / 1000)).toISOString(),
    hostname: result.run.host,
  };
  const properties = {
    run: result.run.id,
    result: result.result,
    rule: result.rule,
    mode: result.run.mode,
    plan_sha256: result.run.planSha256,
  };
  const lines = Object.entries(properties).map(([name, value]) => `    <property${attributes({ name, value })}/>`);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite${attributes(head)}>`,
    "    <properties>",
    ...lines.map((line) => `  ${line}`),
    "    </properties>",
    ...cases.map((each) => caseXml(each, suite)),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

interface Case {
  readonly kind: "passed" | "failure" | "error" | "skipped";
  readonly group: string;
  readonly name: string;
  readonly timeUs: number;
  readonly message: string;
}

function verdict({ result, exitCode, reasons }: RunResult): Case {
  const kind = exitCode === 0 ? "passed" : result === "failed" ? "failure" : "error";
  const message = reasons.map((reason) => `${reason.rule} ${reason.message}`).join("; ");
  return { kind, group: "verdict", name: "Verdict", timeUs: 0, message };
}

function objectives(result: RunResult): readonly Case[] {
  const { rto, rpo } = result.objectives;
  const kinds = { met: "passed", missed: "failure", not_measured: "error", not_set: "skipped" } as const;
  const timeUs = rto.value.status === "measured" ? rto.value.valueUs : 0;
  return [
    { kind: kinds[rto.verdict], group: "objectives", name: "RTO", timeUs, message: rto.reason },
    { kind: kinds[rpo.verdict], group: "objectives", name: "RPO", timeUs: 0, message: rpo.reason },
  ];
}

function stepCase(result: RunResult, step: RunResult["steps"][number]): Case {
  const timeUs = step.duration.status === "measured" ? step.duration.valueUs : 0;
  const head = { group: step.phase, name: `${step.title} (${step.id})`, timeUs };
  const check = result.checks.find((each) => each.step === step.id);
  if (check !== undefined) return { ...head, ...checkOutcome(check) };
  const message =
    step.failure === null ? (step.skipped?.message ?? step.outcome) : `${step.failure.code} ${step.failure.message}`;
  if (step.outcome === "succeeded") return { ...head, kind: "passed", message: "" };
  if (step.outcome === "skipped" || step.outcome === "not_run") return { ...head, kind: "skipped", message };
  return { ...head, kind: step.failure?.class === "subject" ? "failure" : "error", message };
}

function checkOutcome(check: RunResult["checks"][number]): Pick<Case, "kind" | "message"> {
  const kinds = { passed: "passed", failed: "failure", error: "error", not_run: "skipped" } as const;
  const message = check.reason ?? `expected ${check.expected ?? "?"}, saw ${check.actual ?? "nothing"}`;
  return { kind: kinds[check.status], message };
}

function caseXml({ kind, group, name, timeUs, message }: Case, suite: string): string {
  const head = `    <testcase${attributes({ classname: `${suite}.${group}`, name, time: seconds(timeUs) })}`;
  return kind === "passed" ? `${head}/>` : `${head}><${kind}${attributes({ message })}/></testcase>`;
}

const seconds = (us: number): string => (us / 1_000_000).toFixed(3);

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\t": "&#9;",
  "\r": "&#13;",
};

/** XML 1.0 cannot hold most control characters, not even escaped (section 2.2): they become U+FFFD. */
const NOT_XML = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\uFFFE\uFFFF]/gu;

function escapeXml(text: string): string {
  return text.replaceAll(NOT_XML, "\uFFFD").replaceAll(/[&<>"\n\t\r]/gu, (char) => ENTITIES[char] ?? "");
}
