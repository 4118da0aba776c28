import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JournalRecord } from "../../../src/drills/run-event.ts";
import { cleanState } from "../../../src/engine/clean-state.ts";
import type { EngineDeps } from "../../../src/engine/engine-deps.ts";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { showRun } from "../../../src/engine/list-runs.ts";
import { resumeRun } from "../../../src/engine/resume-run.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { containing } from "../../support/engine-matchers.ts";
import { useLostRun } from "../../support/lost-run.ts";
import { promotions, things } from "../../support/engine-world.ts";
import type { Scene } from "../../support/journal-scene.ts";
import { resealed } from "../../support/resealed.ts";

const lost = useLostRun();

const scene = (): Promise<Scene> => lost.scene();

function withStep(deps: EngineDeps, uses: string, change: (step: Step) => Step): EngineDeps {
  const step = deps.steps.get(uses);
  if (step === undefined) throw new Error(`the world has ${uses}`);
  return { ...deps, steps: new Map([...deps.steps, [uses, change(step)]]) };
}

/** As another program could have written it: the chain fits. */
async function rewrite({ journal, dir }: Scene, change: (record: JournalRecord) => JournalRecord): Promise<void> {
  const { records } = await readJournal(journal);
  await rm(join(dir, "durable.json"));
  await writeFile(
    journal,
    resealed(records.map((record) => change(record)))
      .map(({ line }) => line)
      .join(""),
  );
}

function changedData(
  type: string,
  change: (data: Record<string, unknown>) => object,
): (record: JournalRecord) => JournalRecord {
  // Any JSON: what is tried out is how a reader takes it.
  return (record) => (record.type === type ? { ...record, data: change(record.data as never) as never } : record);
}

function omit(step: Step, part: "reconcile"): Step {
  return Object.fromEntries(Object.entries(step).filter(([key]) => key !== part)) as unknown as Step;
}

const CHANGES: readonly (readonly [what: string, change: (step: Step) => Step])[] = [
  ["may run again", (step) => ({ ...step, idempotent: true })],
  ["has another effect", (step) => ({ ...step, effect: "disruptive" })],
  ["gives other outputs", (step) => ({ ...step, outputs: z.object({ promoted: z.boolean(), node: z.string() }) })],
  ["takes another input", (step) => ({ ...step, with: z.object({ node: z.string().optional() }) })],
  ["cannot be asked any more", (step) => omit(step, "reconcile")],
];

describe("a program in which a step of the run", () => {
  test.each(CHANGES)("%s does not go on with it, and changes nothing", async (_what, change) => {
    await using one = await scene();
    await using bench = await one.bench();
    const before = await one.bytes();
    await expect(resumeRun(lost.runId, withStep(bench.deps, "world/promote", change))).rejects.toMatchObject({
      code: "DEFINITIONS_CHANGED",
      message: containing("step world/promote"),
      hint: containing("firedrill clean"),
    });
    expect((await one.bytes()).equals(before)).toBe(true);
    expect([await promotions(one.world), await things(one.world)]).toEqual([[], ["thing-1"]]);
  });

  test.each(CHANGES)("%s ends it with `clean`, and says so in its record", async (_what, change) => {
    await using one = await scene();
    await using bench = await one.bench();
    const report = await cleanState(withStep(bench.deps, "world/promote", change), new AbortController().signal);
    expect(report).toMatchObject({ clean: true, runs: [{ kind: "finished" }] });
    expect(await things(one.world)).toEqual([]);
    const { result } = await showRun(one.state, lost.runId, "boot");
    expect(result.deviations.map(({ code }) => code)).toContain("DEFINITIONS_CHANGED");
  });

  test("is told of in other words goes on: texts decide nothing", async () => {
    await using one = await scene();
    await using bench = await one.bench();
    const change = (step: Step): Step => ({
      ...step,
      summary: "Other words.",
      outputs: step.outputs.describe("other"),
    });
    const { result } = await resumeRun(lost.runId, withStep(bench.deps, "world/promote", change));
    expect(result.result).toBe("passed_with_deviations");
  });

  test("is missing does not go on with it, and ends it", async () => {
    await using one = await scene();
    await using bench = await one.bench();
    const steps = new Map([...bench.deps.steps].filter(([uses]) => uses !== "world/promote"));
    await expect(resumeRun(lost.runId, { ...bench.deps, steps })).rejects.toMatchObject({ code: "STEP_UNKNOWN" });
    const report = await cleanState({ ...bench.deps, steps }, new AbortController().signal);
    expect([report.clean, await things(one.world)]).toEqual([true, []]);
  });
});

describe("a journal of another version", () => {
  test("that was made with other charts or events is not gone on with", async () => {
    await using one = await scene();
    await rewrite(
      one,
      changedData("run.started", (data) => ({
        ...data,
        definitions: { ...(data["definitions"] as object), charts: "0", events: "0" },
      })),
    );
    await using bench = await one.bench();
    await expect(resumeRun(lost.runId, bench.deps)).rejects.toMatchObject({
      code: "DEFINITIONS_CHANGED",
      message: containing("the charts, the events of a journal"),
    });
  });

  test("that does not say what it was made with is gone on with", async () => {
    await using one = await scene();
    await rewrite(
      one,
      changedData("run.started", ({ definitions: _definitions, ...data }) => data),
    );
    await using bench = await one.bench();
    expect((await resumeRun(lost.runId, bench.deps)).result.result).toBe("passed_with_deviations");
  });

  const STRANGE: readonly (readonly [what: string, change: (record: JournalRecord) => JournalRecord])[] = [
    [
      "an event of another name",
      (record) => (record.type === "step.succeeded" ? { ...record, type: "step.done" as never } : record),
    ],
    ["an event without a field", changedData("step.succeeded", ({ outputs: _outputs, ...data }) => data)],
    [
      "a fact of another kind",
      (record) =>
        record.type === "step.succeeded"
          ? { ...record, type: "fact", data: { step: "make", fact: { kind: "mood" } } }
          : record,
    ],
    [
      "a fact without a field",
      (record) =>
        record.type === "step.succeeded"
          ? { ...record, type: "fact", data: { step: "make", fact: { kind: "service" } } }
          : record,
    ],
  ];

  test.each(STRANGE)(
    "with %s is refused by name: nothing is passed over, and nothing is done",
    async (_what, change) => {
      await using one = await scene();
      await rewrite(one, change);
      await using bench = await one.bench();
      const refused = { code: "JOURNAL_EVENT" };
      await expect(resumeRun(lost.runId, bench.deps)).rejects.toMatchObject(refused);
      await expect(showRun(one.state, lost.runId, "boot")).rejects.toMatchObject(refused);
      const report = await cleanState(bench.deps, new AbortController().signal);
      expect(report.runs).toMatchObject([{ kind: "failed", runId: lost.runId, ...refused }]);
      expect(await promotions(one.world)).toEqual([]);
    },
  );
});
