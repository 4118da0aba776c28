import { existsSync } from "node:fs";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cleanState } from "../../../src/engine/clean-state.ts";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { listRuns, showRun } from "../../../src/engine/list-runs.ts";
import { startRun } from "../../../src/engine/execute-run.ts";
import { resumeRun } from "../../../src/engine/resume-run.ts";
import { FiredrillError } from "../../../src/support/errors.ts";
import { requestFor } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { resealed } from "../../support/resealed.ts";
import { useLostRun } from "../../support/lost-run.ts";
import { promotions, things } from "../../support/engine-world.ts";
import { flipped, lineStarts, recordAt, type Scene } from "../../support/journal-scene.ts";

const LINE_BREAK = 0x0a;
const signal = new AbortController().signal;
const lost = useLostRun();

const scene = (): Promise<Scene> => lost.scene();
const noteOf = (one: Scene): string => join(one.dir, "durable.json");

/** `CODE record`, or that it can be read: how many records and how many bytes of a torn one. */
async function reading(journal: string): Promise<string> {
  try {
    const { records, torn } = await readJournal(journal);
    return `${records.length} records, ${torn?.bytes ?? 0} torn`;
  } catch (error) {
    if (!(error instanceof FiredrillError)) throw error;
    return `${error.code} ${String(error.details["record"])}`;
  }
}

describe("cut short", () => {
  test("at every byte of its last three records it is refused by the first record that is missing", async () => {
    await using one = await scene();
    const whole = await one.bytes();
    const from = lineStarts(whole).at(-4) ?? 0;
    for (let length = whole.length - 1; length >= from; length -= 1) {
      await truncate(one.journal, length);
      expect(await reading(one.journal), `${length} bytes`).toBe(`JOURNAL_DAMAGED ${recordAt(whole, length)}`);
    }
  });

  test("and what was durable not noted (a power cut): at every byte, a torn record is told from whole ones", async () => {
    await using one = await scene();
    const whole = await one.bytes();
    await rm(noteOf(one));
    const starts = lineStarts(whole);
    for (let length = whole.length - 1; length >= (starts.at(-4) ?? 0); length -= 1) {
      await truncate(one.journal, length);
      const kept = starts.filter((start) => start <= length);
      const expected = `${kept.length - 1} records, ${length - (kept.at(-1) ?? 0)} torn`;
      expect(await reading(one.journal), `${length} bytes`).toBe(expected);
    }
  });

  test("by a torn record that was never durable, it is repaired and the run ends as without it", async () => {
    await using uncut = await scene();
    const whole = await uncut.bytes();
    const starts = lineStarts(whole);
    const cuts = starts.slice(-4, -1).flatMap((start, index) => {
      const length = (starts.at(index - 3) ?? 0) - start;
      return [1, Math.floor(length / 2), length - 1].map((part) => start + part);
    });
    for (const length of cuts) {
      await using one = await scene();
      await rm(noteOf(one));
      await truncate(one.journal, length);
      await using bench = await one.bench();
      const { result } = await resumeRun(lost.runId, bench.deps);
      const said = bench.records.find((record) => record.type === "deviation");
      expect(said, `${length} bytes`).toMatchObject({ data: { code: "JOURNAL_TORN" } });
      expect([await promotions(one.world), await things(one.world)]).toEqual([[`${lost.runId}/promote/1`], []]);
      expect([result.result, result.cleanup.status]).toEqual(["passed_with_deviations", "verified"]);
      expect(await reading(one.journal)).toMatch(/^\d+ records, 0 torn$/u);
    }
  });

  test("to nothing, or gone: `clean` removes no folder of a run that had begun", async () => {
    for (const spoil of [(path: string) => truncate(path, 0), (path: string) => rm(path)]) {
      await using one = await scene();
      await spoil(one.journal);
      await using bench = await one.bench();
      const report = await cleanState(bench.deps, signal);
      expect(report.runs).toMatchObject([{ kind: "failed", runId: lost.runId, code: "JOURNAL_DAMAGED" }]);
      expect(existsSync(join(one.dir, "plan.json"))).toBe(true);
    }
  });

  test("of a finished run, whose result is there: it is not taken for a run that crashed", async () => {
    await using one = await scene();
    await using bench = await one.bench();
    await resumeRun(lost.runId, bench.deps);
    const whole = await one.bytes();
    await rm(noteOf(one));
    await truncate(one.journal, lineStarts(whole).at(-3) ?? 0);
    await expect(resumeRun(lost.runId, bench.deps)).rejects.toMatchObject({
      code: "JOURNAL_DAMAGED",
      details: { record: lineStarts(whole).length - 2 },
    });
    expect(await promotions(one.world)).toHaveLength(1);
  });
});

describe("with one bit flipped", () => {
  test("anywhere, in every record, it is refused by that record's number", async () => {
    await using one = await scene();
    const whole = await one.bytes();
    // Two records that a changed line break makes one are one damaged record: the first. Every third byte here; test/long takes all.
    const places = [...whole.keys()].filter((index) => index % 3 === 0 || whole[index] === LINE_BREAK);
    for (const index of places) {
      await writeFile(one.journal, flipped(whole, index, index % 8));
      expect(await reading(one.journal), `byte ${index}`).toBe(`JOURNAL_DAMAGED ${recordAt(whole, index)}`);
    }
  });

  test("in any record nothing is done from it, and a copy is kept beside the untouched original", async () => {
    await using one = await scene();
    const whole = await one.bytes();
    const starts = lineStarts(whole);
    const places = starts.slice(0, -1).flatMap((start, index) => [start + 30, (starts[index + 1] ?? 0) - 1]);
    await using bench = await one.bench();
    for (const [index, place] of places.entries()) {
      const damaged = flipped(whole, place, index % 8);
      await writeFile(one.journal, damaged);
      const record = recordAt(whole, place);
      for (let times = 0; times < 2; times += 1)
        await expect(resumeRun(lost.runId, bench.deps)).rejects.toMatchObject({
          code: "JOURNAL_DAMAGED",
          message: containing(`Record ${record} of `),
          details: { record },
        });
      const copies = await quarantine(one);
      expect(copies, "one copy for each content").toHaveLength(index + 1);
      expect(copies.some((copy) => copy.equals(damaged))).toBe(true);
      expect((await one.bytes()).equals(damaged)).toBe(true);
    }
    expect([await promotions(one.world), await things(one.world)]).toEqual([[], ["thing-1"]]);
    expect(bench.records).toEqual([]);
  });

  test("`clean` goes on with the other runs, and what bears the installation's id is removed all the same", async () => {
    await using one = await scene();
    const other = await otherRunIn(one);
    await writeFile(one.journal, flipped(await one.bytes(), 40, 1));
    await using bench = await one.bench();
    const report = await cleanState(bench.deps, signal);
    expect(report.runs.toSorted((a, b) => a.kind.localeCompare(b.kind))).toMatchObject([
      { kind: "failed", runId: lost.runId, code: "JOURNAL_DAMAGED", message: containing("A copy is kept in ") },
      { kind: "finished", runId: other, leftovers: 0 },
    ]);
    expect([report.clean, await things(one.world), await promotions(one.world)]).toEqual([false, [], []]);
  });

  test("those who only read say so, and leave no copy", async () => {
    await using one = await scene();
    await writeFile(one.journal, flipped(await one.bytes(), 40, 1));
    await expect(showRun(one.state, lost.runId, "boot")).rejects.toMatchObject({ code: "JOURNAL_DAMAGED" });
    expect(await listRuns(one.state, "boot")).toMatchObject([{ runId: lost.runId, status: "damaged" }]);
    expect(await quarantine(one)).toEqual([]);
  });
});

test("a sound journal that is not the one that was on disk before is refused by the last record that was", async () => {
  await using one = await scene();
  const { records } = await readJournal(one.journal);
  const other = resealed(records.map((record) => ({ ...record, wall: record.wall + 1 })));
  await writeFile(one.journal, other.map(({ line }) => line).join(""));
  expect(await reading(one.journal)).toMatch(/^JOURNAL_DAMAGED \d+$/u);
  await rm(noteOf(one));
  expect(await reading(one.journal)).toBe(`${records.length} records, 0 torn`);
});

test("those who only read leave a torn record as it is", async () => {
  await using one = await scene();
  const torn = Buffer.concat([await one.bytes(), Buffer.from('{"boot":"half a rec')]);
  await writeFile(one.journal, torn);
  const view = await showRun(one.state, lost.runId, "boot");
  expect(view.torn).toMatchObject({ bytes: 19 });
  expect(await listRuns(one.state, "boot")).toMatchObject([{ runId: lost.runId, status: "crashed" }]);
  expect((await one.bytes()).equals(torn)).toBe(true);
});

/** A second run in the scene's folders that lost its orchestrator before it made anything. */
async function otherRunIn(one: Scene): Promise<string> {
  await using bench = await one.bench();
  const crashPoint = (at: string, about: string): void => {
    if (at === "before-append" && about.includes("step.succeeded")) throw new Error("crash");
  };
  const handle = await startRun(requestFor(planOf([{ id: "one" }])), { ...bench.deps, crashPoint });
  await handle.outcome.catch(() => undefined);
  return handle.runId;
}

async function quarantine({ dir }: Scene): Promise<readonly Buffer[]> {
  const folder = join(dir, "quarantine");
  if (!existsSync(folder)) return [];
  return Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
}
