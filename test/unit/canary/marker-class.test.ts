import * as fc from "fast-check";
import { expect, test } from "vitest";
import { provesNotCommitted } from "../../../src/canary/committed-or-not.ts";
import { LedgerReader } from "../../../src/canary/ledger.ts";
import { type Loss, lossOf } from "../../../src/canary/loss.ts";
import { classOf } from "../../../src/canary/marker-class.ts";
import { ACKED, PENDING, REFUSED, UNKNOWN } from "../../../src/canary/markers.ts";
import { matchRow } from "../../../src/canary/match-row.ts";
import { payloadOf } from "../../../src/canary/payload.ts";

test.each([
  [ACKED, 1, false, "survived"],
  [ACKED, 0, false, "lost"],
  [UNKNOWN, 1, false, "recoveredUnknown"],
  [PENDING, 1, false, "recoveredUnknown"],
  [REFUSED, 1, false, "recoveredUnknown"],
  [UNKNOWN, 0, false, "failed"],
  [PENDING, 0, false, "failed"],
  [REFUSED, 0, false, "failed"],
  [ACKED, 2, false, "duplicated"],
  [UNKNOWN, 2, true, "duplicated"],
  [ACKED, 1, true, "altered"],
  [UNKNOWN, 1, true, "altered"],
] as const)("state %i, found %i times, altered %s: %s", (state, times, altered, expected) => {
  expect(classOf(state, times, altered)).toBe(expected);
});

test.each([
  ["25006", true],
  ["42P01", true],
  ["53100", true],
  ["57014", true],
  ["40001", true],
  ["40003", false],
  ["57P01", false],
  ["57P02", false],
  ["08006", false],
  ["08P01", false],
  ["58030", false],
  ["XX000", false],
  ["F0000", false],
  ["ECONNRESET", false],
])("SQLSTATE %s proves a rollback: %s", (sqlstate, proves) => {
  expect(provesNotCommitted(sqlstate)).toBe(proves);
});

interface Scripted {
  readonly writer: number;
  readonly answer: "a" | "u" | "r" | null;
  readonly rows: number;
  readonly altered: boolean;
}

const scripted: fc.Arbitrary<Scripted> = fc.record({
  writer: fc.integer({ min: 0, max: 2 }),
  answer: fc.constantFrom("a", "a", "a", "u", "r", null),
  rows: fc.constantFrom(0, 1, 1, 1, 2, 3),
  altered: fc.boolean(),
});

const HEADER = {
  schemaVersion: "firedrill/canary-ledger/v1",
  id: "x",
  writers: 3,
  firstSeq: [1, 1, 1],
  payloadBytes: 8,
  bootId: "boot",
};

interface Sent extends Scripted {
  readonly seq: number;
  readonly sentUs: number;
  readonly answeredUs: number;
}

function numbered(script: readonly Scripted[]): readonly Sent[] {
  const next = [1, 1, 1];
  return script.map((one, index) => {
    const seq = next[one.writer] ?? 1;
    next[one.writer] = seq + 1;
    return { ...one, seq, sentUs: 1000 + index * 10, answeredUs: 1003 + index * 10 };
  });
}

function settleScript(sent: readonly Sent[], phantoms: number, t0Us: number | null): Loss {
  const ledger = new LedgerReader();
  ledger.begin("ledger");
  ledger.line(JSON.stringify(HEADER));
  ledger.line("w 1000 5000");
  for (const { writer, seq, answer, sentUs, answeredUs } of sent) {
    ledger.line(`s ${sentUs} ${writer} ${seq}`);
    if (answer !== null) ledger.line(`${answer} ${answeredUs} ${writer} ${seq} ${answer === "a" ? "0/1" : "why"}`);
  }
  let phantom = 0;
  const row = (...fields: readonly string[]): void => void (matchRow(ledger, "x", 8, fields) || (phantom += 1));
  for (const { writer, seq, rows, altered, sentUs } of sent) {
    for (let times = 0; times < rows; times += 1) {
      row(`${writer}`, `${seq}`, `${sentUs + 4000}`, altered ? "changed" : payloadOf("x", writer, seq, 8));
    }
  }
  for (let index = 0; index < phantoms; index += 1) row(`${index % 5}`, `${90_000 + index}`, "1", "");
  const t0 = t0Us === null ? null : { monoUs: t0Us, wallUs: t0Us + 4000 };
  return lossOf({ ledger, phantom, t0, payloadBytes: 8, answerTimeoutUs: 777 });
}

const script = fc.array(scripted, { maxLength: 60 });

test("every marker is in exactly one class, and what was not acknowledged is never lost", () => {
  fc.assert(
    fc.property(script, fc.nat(5), (given, phantoms) => {
      const sent = numbered(given);
      const { counts, ranges } = settleScript(sent, phantoms, null);
      const { survived, lost, recoveredUnknown, failed, duplicated, altered } = counts;
      expect(survived + lost + recoveredUnknown + failed + duplicated + altered).toBe(sent.length);
      expect(counts.acknowledged + counts.unknown + counts.refused).toBe(counts.sent);
      expect(counts.sent).toBe(sent.length);
      expect(counts.phantom).toBe(phantoms);
      const gone = sent.filter(({ answer, rows }) => answer === "a" && rows === 0);
      expect(lost).toBe(gone.length);
      const named = ranges.flatMap(({ writer, from, to }) =>
        Array.from({ length: to - from + 1 }, (_, index) => `${writer}/${from + index}`),
      );
      expect(named.toSorted()).toEqual(gone.map(({ writer, seq }) => `${writer}/${seq}`).toSorted());
    }),
  );
});

test("first, last and the survivors beside the loss are those of all writers together", () => {
  fc.assert(
    fc.property(script, fc.nat(600), (given, t0Us) => {
      const sent = numbered(given);
      const loss = settleScript(sent, 0, 1000 + t0Us);
      const acked = sent.filter(({ answer }) => answer === "a");
      const gone = acked.filter(({ rows }) => rows === 0);
      const survived = acked.filter(({ rows, altered }) => rows === 1 && !altered);
      const before = (limitUs: number) => (one: Sent) => one.answeredUs <= limitUs;
      const marker = (one: Sent | undefined) =>
        one === undefined
          ? null
          : { writer: one.writer, seq: one.seq, monoUs: one.answeredUs, wallUs: one.answeredUs + 4000 };
      const [first] = gone;
      expect(loss.lost?.first ?? null).toEqual(marker(first));
      expect(loss.lost?.last ?? null).toEqual(marker(gone.at(-1)));
      expect(loss.newestBeforeT0).toEqual(marker(acked.findLast(before(1000 + t0Us))));
      expect(loss.newestSurvivor).toEqual(marker(survived.findLast(before(1000 + t0Us))));
      const beside = first === undefined ? undefined : survived.findLast(before(first.answeredUs - 1));
      expect(loss.survivorBeforeLoss).toEqual(marker(beside));
      expect(loss.slowestAnswerUs).toBe(acked.some(before(1000 + t0Us)) ? 3 : 777);
    }),
  );
});

test("the load is counted by intervals up to T0", () => {
  const steady = Array.from({ length: 101 }, (): Scripted => ({ writer: 0, answer: "a", rows: 1, altered: false }));
  // One marker each 10 microseconds.
  expect(settleScript(numbered(steady), 0, null).load).toEqual({
    transactionsPerSecond: 100_000,
    bytesPerSecond: 800_000,
  });
  expect(settleScript(numbered(steady), 0, 1000).load).toEqual({ transactionsPerSecond: 0, bytesPerSecond: 0 });
});
