import { describe, expect, test } from "vitest";
import { EVENT_TYPES } from "../../../src/drills/event-fields.ts";
import { measure } from "../../../src/drills/measure.ts";
import type { Plan } from "../../../src/drills/plan.ts";
import { planSha256 } from "../../../src/drills/plan-sha256.ts";
import type { JournalRecord } from "../../../src/drills/run-event.ts";
import { parseJournal } from "../../../src/engine/journal/journal-reader.ts";
import { recorded } from "../../../src/engine/journal/journal-record.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { goldenFile, goldenJournals, stateOf } from "../../support/golden-state.ts";

const names = goldenJournals();

async function golden(name: string): Promise<{ readonly plan: Plan; readonly records: readonly JournalRecord[] }> {
  // Kept by scripts/golden-journals.ts; its identity is checked below.
  const plan = JSON.parse((await goldenFile(name, "plan.json")).toString()) as Plan;
  return { plan, records: parseJournal(await goldenFile(name, "journal.jsonl"), name).records };
}

const json = async (name: string, file: string): Promise<unknown> =>
  JSON.parse((await goldenFile(name, file)).toString()) as unknown;

/** As a file holds it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe.each(names)("the journal of a release, %s", (name) => {
  test("verifies, belongs to its plan, and ends", async () => {
    const { plan, records } = await golden(name);
    expect(records[0]).toMatchObject({ type: "run.started", data: { planSha256: planSha256(plan) } });
    expect(records.at(-1)?.type).toBe("run.finished");
  });

  test("folds to the same state", async () => {
    const { plan, records } = await golden(name);
    expect(plain(stateOf(plan, records))).toEqual(await json(name, "state.json"));
  });

  test("measures to the same result", async () => {
    const { plan, records } = await golden(name);
    const result = measure(
      plan,
      records.map((record) => recorded(record)),
    );
    expect(plain(result)).toEqual(await json(name, "result.json"));
  });
});

test("this version has kept journals of its own", () => {
  expect(names.filter((name) => name.startsWith(`${packageJson.version}/`)).length).toBeGreaterThanOrEqual(20);
});

test("together they hold every event there is", async () => {
  const all = await Promise.all(names.map((name) => golden(name)));
  const seen = new Set<string>(all.flatMap(({ records }) => records.map(({ type }) => type)));
  expect(EVENT_TYPES.filter((type) => !seen.has(type))).toEqual([]);
});
