import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanState } from "../../../src/engine/clean-state.ts";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { resumeRun } from "../../../src/engine/resume-run.ts";
import { runIds } from "../../../src/engine/state/run-directory.ts";
import { runDir } from "../../../src/engine/state/state-directory.ts";
import { engineBench } from "../../support/engine-bench.ts";
import { promotions, things } from "../../support/engine-world.ts";
import { drillWithFailingSync, lacksStrace } from "../../support/failing-sync.ts";
import type { FaultReport } from "../../support/journal-fault-child.ts";
import { lineStarts, sceneOf } from "../../support/journal-scene.ts";

const reason = lacksStrace();
const skipped = reason === undefined ? "" : ` (SKIPPED: ${reason})`;

/** One drill for each of its syncs, and at last one of which no sync failed. */
interface Failing {
  readonly nth: number;
  readonly dir: string;
  readonly report: FaultReport;
}

describe.skipIf(reason !== undefined)(`fdatasync fails${skipped}`, () => {
  let root = "";
  const drills: Failing[] = [];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "firedrill-engine-sync-"));
    let whole = false;
    let next = 1;
    const work = async (): Promise<void> => {
      while (!whole) {
        const nth = next++;
        const dir = join(root, String(nth));
        const report = await drillWithFailingSync(dir, "fdatasync", nth);
        drills.push({ nth, dir, report });
        whole ||= report.end !== "JOURNAL_FAILED";
      }
    };
    await Promise.all([work(), work()]);
    drills.sort((a, b) => a.nth - b.nth);
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const failed = (): readonly Failing[] => drills.filter(({ report }) => report.end === "JOURNAL_FAILED");

  test("at every call of a drill: once is enough, and nothing after it is acknowledged or begun", async () => {
    expect(failed().map(({ nth }) => nth)).toEqual(failed().map((_, index) => index + 1));
    expect(failed().length).toBeGreaterThanOrEqual(8);
    expect(drills.at(-1)?.report.end).toBe("passed");
    for (const { nth, dir, report } of failed()) {
      const written = (await readJournal(join(runDir(join(dir, "state"), report.runId), "journal.jsonl"))).records;
      const heard = report.acknowledged;
      expect(
        written.slice(0, heard.length).map(({ type }) => type),
        `call ${nth}`,
      ).toEqual(heard);
      // What was written and not acknowledged is what that one sync was for.
      expect(written.length, `call ${nth}`).toBeGreaterThan(heard.length);
      const intents = heard.filter((type) => type === "step.started").length;
      expect([report.promotions, report.things.length], `call ${nth}`).toEqual([
        intents >= 2 ? 1 : 0,
        heard.includes("resource.planned") && !heard.includes("resource.destroyed") && !cleanupWasUnderWay(heard)
          ? 1
          : 0,
      ]);
    }
  });

  test.each(["stays", "is lost"])(
    "and the run is taken over, whether what was not synced %s: promoted once, nothing left",
    async (fate) => {
      for (const { nth, dir, report } of failed()) {
        await using scene = await sceneOf({ state: join(dir, "state"), world: join(dir, "world") }, report.runId);
        if (fate === "is lost") await loseUnsynced(scene.journal, report.acknowledged.length);
        await using bench = await scene.bench();
        const ended = await resumeRun(report.runId, bench.deps).then(
          ({ result }) => result.result,
          (error: unknown) => (error as { readonly code?: string }).code,
        );
        // Of a run whose start was lost nothing was ever done; one whose end was written has ended.
        const lost = fate === "is lost" && report.acknowledged.length === 0;
        const over = fate === "stays" && nth === failed().length;
        expect(ended, `call ${nth}`).toBe(lost ? "RUN_INCOMPLETE" : over ? "RUN_FINISHED" : "passed_with_deviations");
        expect([(await promotions(scene.world)).length, await things(scene.world)], `call ${nth}`).toEqual([
          lost ? 0 : 1,
          [],
        ]);
      }
    },
  );

  test("and `clean` ends it from what is on record", async () => {
    for (const { nth, dir, report } of failed()) {
      await using scene = await sceneOf({ state: join(dir, "state"), world: join(dir, "world") }, report.runId);
      await using bench = await scene.bench();
      const cleaned = await cleanState(bench.deps, new AbortController().signal);
      expect([cleaned.clean, await things(scene.world), (await promotions(scene.world)).length], `call ${nth}`).toEqual(
        [true, [], report.promotions],
      );
    }
  });
});

describe.skipIf(reason !== undefined)(`fsync of a file or folder fails${skipped}`, () => {
  test("at every call of a drill: before its start nothing is begun, after its end nothing is undone", async () => {
    const root = await mkdtemp(join(tmpdir(), "firedrill-engine-sync-"));
    await using _removed = { [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
    const drills: Failing[] = [];
    for (let nth = 1; drills.at(-1)?.report.end !== "passed"; nth += 1) {
      const dir = join(root, String(nth));
      drills.push({ nth, dir, report: await drillWithFailingSync(dir, "fsync", nth) });
    }
    const failing = drills.slice(0, -1);
    for (const { nth, report } of failing) {
      const { acknowledged, end } = report;
      const begun = acknowledged.length > 0;
      expect(end.startsWith("not begun: "), `call ${nth}: ${end}`).toBe(!begun);
      expect([report.promotions, report.things, acknowledged.at(-1)], `call ${nth}`).toEqual(
        begun ? [1, [], "run.finished"] : [0, [], undefined],
      );
    }
    // One of them makes the names of the journal and its reserve durable, before the first record.
    expect(await Promise.all(failing.map(({ dir }) => journalIsEmpty(dir)))).toContain(true);
    for (const { nth, dir } of failing) {
      await using bench = await engineBench({ stateDir: join(dir, "state") });
      const cleaned = await cleanState(bench.deps, new AbortController().signal);
      expect(cleaned.resources, `call ${nth}`).toEqual([]);
    }
  });
});

async function journalIsEmpty(dir: string): Promise<boolean> {
  const state = join(dir, "state");
  const sizes = (await runIds(state)).map((id) => {
    const journal = join(runDir(state, id), "journal.jsonl");
    return existsSync(journal) && existsSync(journal.replace(".jsonl", ".reserve")) ? statSync(journal).size : null;
  });
  return sizes.includes(0);
}

/** The drill's one thing is removed before the record that says so is durable. */
function cleanupWasUnderWay(heard: readonly string[]): boolean {
  return heard.includes("cleanup.begun");
}

async function loseUnsynced(journal: string, acknowledged: number): Promise<void> {
  await truncate(journal, lineStarts(await readFile(journal))[acknowledged] ?? 0);
}
