// Ends a test run with what matters: every skipped test with its reason, then one line of counts.
// The counts go to the file FIREDRILL_TEST_SUMMARY names, for a caller that prints the line itself,
// or else to stdout as the last line.
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite, Vitest } from "vitest/node";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export class SummaryReporter implements Reporter {
  #filtered = false;

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const skips: string[] = [];
    for (const module of modules) countModule(module, counts, skips);
    if (reason !== "passed" && counts.failed === 0) counts.failed = 1;
    // With `-t` all but the tests asked for are skipped: no news.
    if (!this.#filtered) printSkips(skips);
    report(counts);
  }
}

function countModule(module: TestModule, counts: Counts, skips: string[]): void {
  // A file that does not load may have no tests to count.
  if (module.state() === "failed" && module.children.size === 0) counts.failed += 1;
  for (const test of module.children.allTests()) countTest(test, counts, skips);
}

function countTest(test: TestCase, counts: Counts, skips: string[]): void {
  const result = test.result();
  switch (result.state) {
    case "passed":
      counts.passed += 1;
      return;
    case "failed":
    // Still pending at the end of the run: it was never carried out.
    case "pending":
      counts.failed += 1;
      return;
    case "skipped":
      if (lostToItsSuite(test)) counts.failed += 1;
      else countSkip(test, result.note, counts, skips);
      return;
    default:
      result satisfies never;
  }
}

/** The runner reports a test as skipped when a hook of a suite around it threw. */
function lostToItsSuite(test: TestCase): boolean {
  for (let around: TestSuite | TestModule = test.parent; ; around = around.parent) {
    if (around.errors().length > 0) return test.options.mode === "run";
    if (around.type === "module") return false;
  }
}

function countSkip(test: TestCase, note: string | undefined, counts: Counts, skips: string[]): void {
  counts.skipped += 1;
  // `test.skipIf(reason)("... [needs pg_basebackup]")` says in its name what it lacks.
  const named = /\[(needs [^\]]+)\]/u.exec(test.fullName)?.[1];
  skips.push(`${test.module.relativeModuleId} > ${test.fullName}: ${note ?? named ?? "NO REASON GIVEN"}`);
}

function printSkips(skips: readonly string[]): void {
  if (skips.length === 0) return;
  console.log(`\n!!! ${skips.length} SKIPPED`);
  for (const skip of skips) console.log(`!!! ${skip}`);
}

function report({ passed, failed, skipped }: Counts): void {
  const file = process.env["FIREDRILL_TEST_SUMMARY"];
  if (file !== undefined) writeFileSync(file, `${passed} ${failed} ${skipped}\n`);
  else console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
}
