import { describe, expect, test } from "vitest";
import { chooseTimeline, type TimelinePath } from "../../../src/backups/directory/timelines.ts";
import { followWal } from "../../../src/backups/directory/wal-continuity.ts";

const MB = 1024 * 1024;
const seg = (timeline: number, number: number): string =>
  `0000000${timeline}00000000000000${number.toString(16).toUpperCase().padStart(2, "0")}`;
const lsn = (number: number, offset = 0): bigint => BigInt(number) * BigInt(16 * MB) + BigInt(offset);
const one: TimelinePath = { timeline: 1, stretches: [{ timeline: 1, beginLsn: 0n, endLsn: null }] };
/** Timeline 2 forks off in the middle of segment 5. */
const fork: TimelinePath = {
  timeline: 2,
  stretches: [
    { timeline: 1, beginLsn: 0n, endLsn: lsn(5, 4096) },
    { timeline: 2, beginLsn: lsn(5, 4096), endLsn: null },
  ],
};

function follow(names: readonly string[], path: TimelinePath = one, untilLsn: bigint | null = null) {
  return followWal({
    startLsn: lsn(3, 0x28),
    segmentBytes: 16 * MB,
    path,
    untilLsn,
    has: (name) => names.includes(name),
    names,
  });
}

describe("WAL from a backup's start", () => {
  test("ends where segments end", () => {
    expect(follow([seg(1, 3), seg(1, 4)])).toMatchObject({
      endLsn: lsn(5),
      endTimeline: 1,
      nextName: seg(1, 5),
      beyond: [],
    });
  });
  test("with a hole names the missing segment and what lies behind", () => {
    expect(follow([seg(1, 3), seg(1, 5), seg(1, 6)])).toMatchObject({
      nextName: seg(1, 4),
      beyond: [seg(1, 5), seg(1, 6)],
    });
  });
  test("whose last segment is missing is betrayed by a later backup's history file", () => {
    expect(follow([seg(1, 3), `${seg(1, 4)}.00000028.backup`])).toMatchObject({
      nextName: seg(1, 4),
      beyond: [`${seg(1, 4)}.00000028.backup`],
    });
  });
  test("of another timeline is no evidence", () => {
    expect(follow([seg(1, 3), seg(2, 6)]).beyond).toEqual([]);
  });
  test("changes to the new timeline's file in the segment of the fork", () => {
    const names = [seg(1, 3), seg(1, 4), seg(1, 5), seg(2, 5), seg(2, 6)];
    expect(follow(names, fork).chain.map((link) => link.name)).toEqual([seg(1, 3), seg(1, 4), seg(2, 5), seg(2, 6)]);
  });
  test("lacks the new timeline's file of the fork although the old one's is there", () => {
    expect(follow([seg(1, 3), seg(1, 4), seg(1, 5), seg(2, 6)], fork)).toMatchObject({
      nextName: seg(2, 5),
      beyond: [seg(2, 6)],
    });
  });
  test("does with the old timeline's file when the target lies before the fork", () => {
    expect(follow([seg(1, 3), seg(1, 4), seg(1, 5)], fork, lsn(5, 100)).chain.at(-1)?.name).toBe(seg(1, 5));
  });
});

describe("the timeline", () => {
  const question = { backupTimeline: 1, startLsn: lsn(3), stopLsn: lsn(4) };
  const history = (switchLsn: bigint) => [{ timeline: 1, switchLsn, reason: "" }];
  test("latest follows history files one by one", () => {
    const histories = new Map([
      [2, history(lsn(5))],
      [4, history(lsn(5))],
    ]);
    expect(chooseTimeline({ ...question, choice: "latest", histories })).toMatchObject({
      kind: "path",
      path: { timeline: 2 },
    });
  });
  test("current stays although there is a newer one", () => {
    expect(
      chooseTimeline({ ...question, choice: "current", histories: new Map([[2, history(lsn(5))]]) }),
    ).toMatchObject({ kind: "path", path: { timeline: 1 } });
  });
  test.each([
    ["forked before the backup ended", "latest" as const, new Map([[2, history(lsn(3, 100))]]), "TIMELINE_FORK"],
    ["descends from another", "latest" as const, new Map([[2, []]]), "TIMELINE_FORK"],
    ["has no history file", 7, new Map(), "TIMELINE_UNKNOWN"],
  ])("that %s is a problem", (_, choice, histories, code) => {
    expect(chooseTimeline({ ...question, choice, histories })).toMatchObject({ kind: "problem", problem: { code } });
  });
});
