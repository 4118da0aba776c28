import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../src/drills/run-event.ts";
import { parseJournal } from "../../../src/engine/journal/journal-reader.ts";
import { JournalWriter } from "../../../src/engine/journal/journal-writer.ts";
import { FakeTime } from "../../support/engine-fake-time.ts";
import { type FullDisk, fullDisk } from "../../support/engine-full-disk.ts";

const START = { run: "20261121-031500-k3f9", epoch: 1, last: null };

function deviation(message: string): RunEvent {
  return { type: "deviation", data: { step: null, code: "TEST", message } };
}

function writerOn(file: FullDisk): JournalWriter {
  return new JournalWriter(file, START, new FakeTime());
}

/** Of one such record; they are all as long while the clock stands still. */
async function recordBytes(): Promise<number> {
  const file = fullDisk({ bytes: 1_000_000, reserve: null });
  await writerOn(file).append(deviation("a")).durable;
  return file.text().length;
}

function messages(file: FullDisk): readonly unknown[] {
  return parseJournal(Buffer.from(file.text()), "j").records.map(
    ({ data }) => (data as { readonly message: string }).message,
  );
}

describe("a disk that is full at any byte of the last record", () => {
  test("lets that record be durable on the reserve, without leave to act; what comes later is acknowledged", async () => {
    const length = await recordBytes();
    for (let room = 0; room < length; room += 1) {
      const file = fullDisk({ bytes: length + room, reserve: 100_000 });
      const writer = writerOn(file);
      expect(await writer.append(deviation("a")).durable).toEqual({ kind: "acknowledged" });
      expect(writer.full).toBe(false);
      expect(await writer.append(deviation("b")).durable, `${room} bytes of it`).toEqual({ kind: "closing" });
      expect(writer.full).toBe(true);
      expect(await writer.append(deviation("c")).durable).toEqual({ kind: "acknowledged" });
      expect([messages(file), file.note()?.seq]).toEqual([["a", "b", "c"], 3]);
    }
  });

  test("without a reserve is a failure: nothing is acknowledged, and what was written of it is torn", async () => {
    const length = await recordBytes();
    for (let room = 0; room < length; room += 1) {
      const file = fullDisk({ bytes: length + room, reserve: null });
      const writer = writerOn(file);
      await writer.append(deviation("a")).durable;
      await expect(writer.append(deviation("b")).durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
      expect(() => writer.append(deviation("c"))).toThrow(expect.objectContaining({ code: "JOURNAL_FAILED" }));
      const { records, torn } = parseJournal(Buffer.from(file.text()), "j");
      expect([records.length, torn?.bytes ?? 0, file.note()?.seq]).toEqual([1, room, 1]);
    }
  });
});

test("what was appended before anybody could know has no leave to act either", async () => {
  const file = fullDisk({ bytes: 10, reserve: 100_000 });
  const writer = writerOn(file);
  const first = writer.append(deviation("a")).durable;
  await Promise.resolve();
  const second = writer.append(deviation("b")).durable;
  expect(await Promise.all([first, second])).toEqual([{ kind: "closing" }, { kind: "closing" }]);
  await writer.filled;
  expect(await writer.append(deviation("c")).durable).toEqual({ kind: "acknowledged" });
  await writer.flush();
});

test("a reserve that is used up as well is a failure", async () => {
  const length = await recordBytes();
  const file = fullDisk({ bytes: 10, reserve: length });
  const writer = writerOn(file);
  expect(await writer.append(deviation("a")).durable).toEqual({ kind: "closing" });
  await expect(writer.append(deviation("b")).durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  expect(parseJournal(Buffer.from(file.text()), "j").torn).toMatchObject({ record: 2 });
});

test("a sync that fails on the reserve is a failure: there is one way out of a full disk and none out of a broken one", async () => {
  const disk = fullDisk({ bytes: 10, reserve: 100_000 });
  const broken = Object.assign(new Error("input/output error"), { code: "EIO" });
  const writer = writerOn({ ...disk, sync: () => Promise.reject(broken) });
  await expect(writer.append(deviation("a")).durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  expect(disk.note()).toBeNull();
});

test("the note of what is durable never leads the sync", async () => {
  const disk = fullDisk({ bytes: 100_000, reserve: null });
  const seen: boolean[] = [];
  const writer = writerOn({
    ...disk,
    async noteDurable(last) {
      seen.push(parseJournal(Buffer.from(disk.text().slice(0, disk.synced())), "j").records.length >= last.seq);
      await disk.noteDurable?.(last);
    },
  });
  for (const message of ["a", "b", "c"]) await writer.append(deviation(message)).durable;
  expect([seen, disk.note()?.seq]).toEqual([[true, true, true], 3]);
});
