import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readJournal } from "../../src/engine/journal/journal-reader.ts";
import { resumeRun } from "../../src/engine/resume-run.ts";
import { useLostRun } from "../support/lost-run.ts";
import { promotions, things } from "../support/engine-world.ts";
import { flipped, lineStarts, recordAt } from "../support/journal-scene.ts";
import { lacksMounts, smallDisk } from "../support/small-disk.ts";

const lost = useLostRun();

test("every bit of every byte of a journal, flipped by itself, is refused by the number of its record", async () => {
  await using one = await lost.scene();
  const whole = await one.bytes();
  for (const index of whole.keys()) {
    for (let bit = 0; bit < 8; bit += 1) {
      await writeFile(one.journal, flipped(whole, index, bit));
      await expect(readJournal(one.journal), `bit ${bit} of byte ${index}`).rejects.toMatchObject({
        code: "JOURNAL_DAMAGED",
        details: { record: recordAt(whole, index) },
      });
    }
  }
});

test("cut off at every byte of its last three records, and never noted as durable, a run is resumed and promotes once", async () => {
  await using first = await lost.scene();
  const whole = await first.bytes();
  for (let length = lineStarts(whole).at(-4) ?? 0; length < whole.length; length += 1) {
    await using one = await lost.scene();
    await rm(join(one.dir, "durable.json"));
    await truncate(one.journal, length);
    await using bench = await one.bench();
    const { result } = await resumeRun(lost.runId, bench.deps);
    const left = [(await promotions(one.world)).length, await things(one.world), result.cleanup.status];
    expect(left, `${length} bytes`).toEqual([1, [], "verified"]);
  }
});

const NOTHING_TO_DO = { things: [], cleaned: [] };
const reason = lacksMounts();

test.skipIf(reason !== undefined)(
  `a disk that is full at every byte of every write leaves nothing and does nothing twice${reason === undefined ? "" : ` (SKIPPED: ${reason})`}`,
  async () => {
    await using disk = await smallDisk();
    const writes = [
      "resource.planned",
      "resource.created",
      "cleanup.begun",
      "resource.destroyed",
      "cleanup.finished",
      "run.finished",
    ];
    const orders = [
      ...writes.map((type) => ({ type, count: 1 })),
      { type: "step.started", count: 2 },
      { type: "step.started", count: 3 },
    ];
    for (const order of orders) {
      for (const reserve of [true, false]) {
        const at = await disk.ask({ ...order, padding: 0, reserve: true });
        for (let place = 0; place < at.wanted; place += 1) {
          const padding = ((at.fitted ?? 0) - place + 4096) % 4096;
          const answer = await disk.ask({ ...order, padding, reserve });
          expect(answer, JSON.stringify({ order, place })).toMatchObject({ left: [] });
          expect(answer.promotions).toBeLessThanOrEqual(1);
          const ended = { things: answer.things, cleaned: answer.cleaned };
          expect(reserve ? ended : NOTHING_TO_DO).toEqual(NOTHING_TO_DO);
        }
      }
    }
  },
);
