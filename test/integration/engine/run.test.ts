import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planSha256 } from "../../../src/drills/plan-sha256.ts";
import { executeRun } from "../../../src/engine/execute-run.ts";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { engineBench, requestFor } from "../../support/engine-bench.ts";
import { planOf } from "../../support/engine-plan.ts";

test("a run of no-op steps is carried to its end, on record and with its result kept", async () => {
  await using bench = await engineBench();
  const outcome = await executeRun(requestFor(planOf([{ id: "a" }, { id: "b" }])), bench.deps);
  const journal = await readJournal(join(outcome.dir, "journal.jsonl"));
  expect(journal.records.map((record) => record.type)).toEqual([
    "run.started",
    "phase.begun",
    "step.started",
    "step.succeeded",
    "step.started",
    "step.succeeded",
    "cleanup.begun",
    "cleanup.finished",
    "run.finished",
  ]);
  expect(JSON.parse(await readFile(join(outcome.dir, "result.json"), "utf8"))).toEqual(outcome.result);
  expect(bench.records.map((record) => record.seq)).toEqual(journal.records.map((record) => record.seq));
});

test("the run's record holds the hash that `firedrill plan` shows, which a moved line does not change", async () => {
  const plan = planOf([{ id: "a" }]);
  const moved = { ...plan, steps: plan.steps.map((step) => ({ ...step, line: step.line + 7 })) };
  await using bench = await engineBench();
  const { result } = await executeRun(requestFor(moved), bench.deps);
  expect(result.run.planSha256).toBe(planSha256(plan));
});
