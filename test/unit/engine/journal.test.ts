import { describe, expect, test } from "vitest";
import { parseJournal } from "../../../src/engine/journal/journal-reader.ts";
import { JournalWriter } from "../../../src/engine/journal/journal-writer.ts";
import type { RunEvent } from "../../../src/drills/run-event.ts";
import { canonicalJson, sha256Hex } from "../../../src/support/canonical-json.ts";
import { FiredrillError } from "../../../src/support/errors.ts";
import { FakeTime } from "../../support/engine-fake-time.ts";
import { type MemoryJournal, memoryJournal } from "../../support/engine-memory-journal.ts";

const LINE_BREAK = 0x0a;
const START = { run: "20261121-031500-k3f9", epoch: 1, last: null };

function deviation(message: string): RunEvent {
  return { type: "deviation", data: { step: null, code: "TEST", message } };
}

function writerOn(file: MemoryJournal): JournalWriter {
  return new JournalWriter(file, START, new FakeTime());
}

async function journalOf(...messages: readonly string[]): Promise<Buffer> {
  const file = memoryJournal();
  const writer = writerOn(file);
  for (const message of messages) writer.append(deviation(message));
  await writer.flush();
  return Buffer.from(file.text());
}

describe("writing", () => {
  test("each record is chained to the one before it by the hash of its canonical form", async () => {
    const lines = (await journalOf("one", "two")).toString().trimEnd().split("\n");
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, never>);
    expect(first?.["prev"]).toBe("0".repeat(64));
    expect(second?.["prev"]).toBe(first?.["hash"]);
    const { hash, ...content } = first ?? {};
    expect(hash).toBe(sha256Hex(canonicalJson(content)));
  });

  test("records appended while a sync is under way share the next one", async () => {
    const file = memoryJournal();
    const writer = writerOn(file);
    const first = writer.append(deviation("one"));
    await Promise.resolve();
    await Promise.resolve();
    const others = ["two", "three", "four"].map((message) => writer.append(deviation(message)));
    await Promise.all([first, ...others].map((appended) => appended.durable));
    expect(file.syncs()).toBe(2);
    expect(parseJournal(Buffer.from(file.text()), "j").records).toHaveLength(4);
  });

  test("a record is acknowledged after the sync, never before", async () => {
    const order: string[] = [];
    const file = memoryJournal();
    const writer = new JournalWriter(file, START, new FakeTime(), (stage) => void order.push(stage));
    await writer.append(deviation("one")).durable.then(() => order.push("acknowledged"));
    expect(order).toEqual(["before-append", "after-append", "after-sync", "acknowledged"]);
  });

  test.each([
    { what: "write", fail: { writeAt: 2 } },
    { what: "sync", fail: { syncAt: 2 } },
  ])("after a failed $what nothing is acknowledged any more", async ({ fail }) => {
    const file = memoryJournal(fail);
    const writer = writerOn(file);
    await writer.append(deviation("one")).durable;
    await expect(writer.append(deviation("two")).durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    expect(() => writer.append(deviation("three"))).toThrow(expect.objectContaining({ code: "JOURNAL_FAILED" }));
    await expect(writer.flush()).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  });

  test("what waits behind a failing sync is refused with it", async () => {
    const file = memoryJournal({ syncAt: 1 });
    const writer = writerOn(file);
    const first = writer.append(deviation("one"));
    await Promise.resolve();
    const second = writer.append(deviation("two"));
    await expect(first.durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    await expect(second.durable).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    expect(file.text()).not.toContain("two");
  });

  test("a float is refused, and the next record takes the number it would have had", async () => {
    const file = memoryJournal();
    const writer = writerOn(file);
    const float: RunEvent = { type: "resource.created", data: { id: "res-1", locator: { rate: 1.5 } } };
    expect(() => writer.append(float)).toThrow(expect.objectContaining({ code: "JOURNAL_VALUE" }));
    await writer.append(deviation("one")).durable;
    expect(parseJournal(Buffer.from(file.text()), "j").records.map((record) => record.seq)).toEqual([1]);
  });
});

describe("reading", () => {
  test("a last line without its end was never acknowledged: at every length it is torn, and all before it is kept", async () => {
    const whole = await journalOf("one", "two", "three");
    const lastBegins = whole.lastIndexOf("\n", whole.length - 2) + 1;
    for (let length = lastBegins + 1; length < whole.length; length += 1) {
      const { records, torn, goodBytes } = parseJournal(whole.subarray(0, length), "j");
      expect([records.length, goodBytes]).toEqual([2, lastBegins]);
      expect(torn).toEqual({ record: 3, bytes: length - lastBegins });
    }
    expect(parseJournal(whole, "j").torn).toBeNull();
  });

  test("one flipped bit anywhere in a whole record is refused with the record's number", async () => {
    const whole = await journalOf("one", "two", "three");
    const places = [...whole.keys()];
    const recordOf = (index: number): number =>
      whole.subarray(0, index).filter((byte) => byte === LINE_BREAK).length + 1;
    expect(places.map((index) => faultOf(flipped(whole, index)))).toEqual(
      places.map((index) => `JOURNAL_DAMAGED ${recordOf(index)}`),
    );
  });

  test("a record taken out, doubled or moved breaks the chain", async () => {
    const [one, two, three] = (await journalOf("one", "two", "three")).toString().split("\n");
    for (const lines of [
      [one, three],
      [one, two, two, three],
      [two, one, three],
    ]) {
      expect(() => parseJournal(Buffer.from(`${lines.join("\n")}\n`), "j")).toThrow(
        expect.objectContaining({ code: "JOURNAL_DAMAGED" }),
      );
    }
  });

  test("another spelling of the same value is damage too", async () => {
    const spelled = (await journalOf("one")).toString().replace('"seq":1', '"seq": 1');
    expect(() => parseJournal(Buffer.from(spelled), "j")).toThrow(expect.objectContaining({ code: "JOURNAL_DAMAGED" }));
  });

  test("bytes that are no UTF-8 are damage, also where they would read as the same text", async () => {
    const whole = await journalOf("a \uFFFD b");
    const at = whole.indexOf("\uFFFD");
    const spelled = Buffer.concat([whole.subarray(0, at), Buffer.from([0xff]), whole.subarray(at + 3)]);
    expect(faultOf(spelled)).toBe("JOURNAL_DAMAGED 1");
  });

  test("a journal of a later version is refused by name", async () => {
    const { hash: _hash, ...record } = parseJournal(await journalOf("one"), "j").records[0] ?? {};
    const later = { ...record, v: 2 };
    const line = `${canonicalJson({ ...later, hash: sha256Hex(canonicalJson(later)) })}\n`;
    expect(() => parseJournal(Buffer.from(line), "j")).toThrow(expect.objectContaining({ code: "JOURNAL_VERSION" }));
  });
});

function flipped(bytes: Buffer, index: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[index] = (bytes[index] ?? 0) ^ 0x04;
  return damaged;
}

function faultOf(bytes: Buffer): string {
  try {
    parseJournal(bytes, "j");
    return "none";
  } catch (error) {
    if (!(error instanceof FiredrillError)) throw error;
    return `${error.code} ${String(error.details["record"])}`;
  }
}
