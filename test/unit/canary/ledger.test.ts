import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLedger } from "../../../src/canary/ledger.ts";
import { LineReader } from "../../../src/canary/line-reader.ts";
import { LogFile } from "../../../src/canary/log-file.ts";
import { ACKED, PENDING } from "../../../src/canary/markers.ts";
import { lastPosition } from "../../../src/canary/position.ts";
import { WallTimes } from "../../../src/canary/wall-times.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "firedrill-ledger-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const header = (firstSeq: readonly number[] = [1, 1], more: object = {}): string =>
  JSON.stringify({
    schemaVersion: "firedrill/canary-ledger/v1",
    id: "x",
    writers: firstSeq.length,
    firstSeq,
    payloadBytes: 8,
    bootId: "boot",
    ...more,
  });

async function ledger(name: string, lines: readonly string[], rest = ""): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `${lines.join("\n")}\n${rest}`);
  return path;
}

test("a last line without its end is not there: the marker was sent and nobody knows more", async () => {
  const path = await ledger("torn", [header(), "w 1 1", "s 5 0 1", "a 6 0 1 0/10", "s 7 0 2"], "a 8 0 2 0/2");
  const { markers } = await readLedger([path]);
  expect(markers[0]?.length).toBe(2);
  expect([markers[0]?.state(0), markers[0]?.state(1)]).toEqual([ACKED, PENDING]);
});

test("numbers of a later process go on behind those of the one before", async () => {
  const one = await ledger("one", [header(), "w 1 1", "s 5 0 1", "a 6 0 1 0/10", "s 7 1 1"]);
  const two = await ledger("two", [header([2, 2]), "w 100 900", "s 101 0 2", "a 102 0 2 0/20"]);
  const { markers, wall, allAcked, gaps } = await readLedger([one, two]);
  expect(markers.map(({ length }) => length)).toEqual([2, 1]);
  expect(wall.at(101)).toEqual({ monoUs: 101, wallUs: 901 });
  expect([allAcked, gaps]).toEqual([false, 0]);
});

test.each([
  ["another version", [header([1], { schemaVersion: "firedrill/canary-ledger/v2" })], /line 1.*v2/u],
  ["no header", ["s 1 0 1"], /line 1/u],
  ["a number twice", [header(), "s 1 0 1", "s 2 0 1"], /line 3: number 1 of writer 0 stands there twice/u],
  ["a hole", [header(), "s 1 0 1", "s 2 0 3"], /line 3: numbers before 3/u],
  ["an answer to nothing", [header(), "a 1 0 1 0/1"], /line 2: an answer to number 1/u],
  ["a second answer", [header(), "s 1 0 1", "a 2 0 1 0/1", "u 3 0 1 late"], /line 4: an answer/u],
  ["an unknown writer", [header(), "s 1 2 1"], /no such writer/u],
  ["an unknown letter", [header(), "z 1 2 1"], /begins with no letter/u],
  ["no number", [header(), "s x 0 1"], /field 2 is no number/u],
])("a ledger with %s is not used", async (name, lines, message) => {
  const path = await ledger(name.replaceAll(" ", "-"), lines);
  await expect(readLedger([path])).rejects.toMatchObject({
    code: "TRAFFIC_LOG",
    message: expect.stringMatching(message) as unknown,
  });
});

test("a ledger that goes on after a restart of the machine is not put together with the one before", async () => {
  const one = await ledger("boot-1", [header()]);
  const two = await ledger("boot-2", [header([1, 1], { bootId: "other" })]);
  await expect(readLedger([one, two])).rejects.toMatchObject({ code: "TRAFFIC_LOG" });
});

test("lines are handed over once, when they are whole, however they arrive", async () => {
  const path = join(dir, "growing");
  const lines: string[] = [];
  await writeFile(path, "one\ntw");
  const reader = new LineReader(path);
  await reader.read((line) => lines.push(line));
  await appendFile(path, "o\nthree\n");
  await reader.read((line) => lines.push(line));
  await reader.read((line) => lines.push(line));
  expect(lines).toEqual(["one", "two", "three"]);
});

test("a log notes where the wall clock moved, and gives instants as its reader will", async () => {
  let [monoUs, wallUs] = [1_000_000, 50_000_000];
  const log = new LogFile(join(dir, "log"), { a: 1 }, { monoUs: () => monoUs, wallUs: () => wallUs, bootId: "b" });
  monoUs += 10_000;
  wallUs += 9000; // the grain of the clock
  expect(log.now()).toEqual({ monoUs: 1_010_000, wallUs: 50_010_000 });
  monoUs += 1000;
  wallUs -= 3_600_000_000;
  expect(log.now().wallUs).toBe(wallUs);
  log.close();
  const lines: string[] = [];
  await new LineReader(join(dir, "log")).read((line) => lines.push(line));
  expect(lines).toEqual(['{"a":1}', "w 1000000 50000000", `w 1011000 ${wallUs}`]);
  expect(() => new LogFile(join(dir, "log"), {}, { monoUs: () => 1, wallUs: () => 1, bootId: "b" })).toThrow("EEXIST");

  const times = new WallTimes();
  times.noted(1_000_000, 50_000_000);
  times.noted(1_011_000, wallUs);
  expect(times.at(1_010_999).wallUs).toBe(50_010_999);
  expect(times.at(1_011_001).wallUs).toBe(wallUs + 1);
});

test("the last position is the furthest since a writer last connected, of the newest ledger that has one", async () => {
  const folder = await mkdtemp(join(dir, "position-"));
  const write = (name: string, lines: readonly string[]): Promise<void> =>
    writeFile(join(folder, name), `${lines.join("\n")}\n`);
  expect(await lastPosition(folder)).toBeNull();
  const before = Array.from({ length: 5000 }, (_, index) => `s ${index} 0 ${index}`);
  await write("writer.1.ledger", [
    header(),
    "c 1 0 a",
    "a 2 0 1 5/0",
    "c 3 0 b",
    "a 4 0 2 1/20",
    "a 5 1 1 1/10",
    ...before,
  ]);
  expect(await lastPosition(folder)).toEqual({ lsn: "1/20", monoUs: 5 });
  await write("writer.2.ledger", [header(), "s 9 0 3"]);
  expect(await lastPosition(folder)).toEqual({ lsn: "1/20", monoUs: 5 });
  await write("writer.10.ledger", [header(), "a 12 0 3 2/0"]);
  expect(await lastPosition(folder)).toEqual({ lsn: "2/0", monoUs: 12 });
});
