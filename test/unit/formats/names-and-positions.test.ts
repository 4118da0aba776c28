import { describe, expect, test } from "vitest";
import { formatLsn, parseLsn } from "../../../src/formats/postgres/lsn.ts";
import { parseLogTime } from "../../../src/formats/postgres/log-time.ts";
import {
  formatHistoryName,
  formatSegmentName,
  nextSegmentName,
  parseWalFileName,
  segmentOf,
} from "../../../src/formats/postgres/wal-file-name.ts";

const MB = 1024 * 1024;

describe("log sequence numbers", () => {
  test("are read and written as the server prints them", () => {
    expect(parseLsn("16/B374D848")).toBe(0x16b374d848n);
    expect(formatLsn(0x16b374d848n)).toBe("16/B374D848");
    expect(formatLsn(parseLsn("0/28"))).toBe("0/28");
  });
  test.each(["", "16", "16/", "/1", "1/123456789", "x/1", "1/2/3", "-1/2"])("%j is refused", (text) => {
    expect(() => parseLsn(text)).toThrow(expect.objectContaining({ code: "LSN_SYNTAX" }));
  });
});

describe("WAL file names", () => {
  test("carry timeline and segment for every segment size", () => {
    for (const size of [1, 16, 64, 1024]) {
      const segment = segmentOf(0x5_1234_5678n, size * MB);
      const name = formatSegmentName(3, segment, size * MB);
      expect(parseWalFileName(name, size * MB)).toEqual({ kind: "segment", timeline: 3, segment });
    }
  });
  test("roll over into the next log at 4 GiB", () => {
    expect(nextSegmentName("0000000100000000000000FF", 16 * MB)).toBe("000000010000000100000000");
    expect(nextSegmentName("000000010000000000000003", 1024 * MB)).toBe("000000010000000100000000");
    expect(nextSegmentName("00000001.history", 16 * MB)).toBeUndefined();
  });
  test("are told apart by their endings", () => {
    expect(parseWalFileName("00000002.history", 16 * MB)).toEqual({ kind: "timeline-history", timeline: 2 });
    expect(parseWalFileName("000000010000000000000004.partial", 16 * MB)).toEqual({
      kind: "partial",
      timeline: 1,
      segment: 4n,
    });
    expect(parseWalFileName("000000010000000000000004.00000028.backup", 16 * MB)).toEqual({
      kind: "backup-history",
      timeline: 1,
      segment: 4n,
      offset: 0x28,
    });
    expect(formatHistoryName(10)).toBe("0000000A.history");
  });
  test.each([
    "00000001000000000000010A",
    "archive_status",
    "000000010000000000000004.tmp",
    "00000001000000000000000g",
    "0000000100000000000000041",
  ])("%s is no WAL of 16 MiB segments", (name) => {
    expect(parseWalFileName(name, 16 * MB)).toBeUndefined();
  });
});

describe("times with a zone's abbreviation", () => {
  test.each([
    ["2026-11-21 01:21:07 UTC", "2026-11-21T01:21:07Z"],
    ["2026-11-21 01:21:07 CET", "2026-11-21T00:21:07Z"],
    ["2026-07-21 01:21:07 CEST", "2026-07-20T23:21:07Z"],
    ["2026-11-21 01:21:07 -03", "2026-11-21T04:21:07Z"],
    ["2026-11-21 01:21:07 +0530", "2026-11-20T19:51:07Z"],
  ])("%s is %s", (text, iso) => {
    expect(parseLogTime(text)).toBe(Date.parse(iso) * 1000);
  });
  test("one with several meanings is unknown, not guessed", () => {
    expect(parseLogTime("2026-11-21 01:21:07 IST")).toBeNull();
    expect(parseLogTime("2026-11-21 01:21:07 CST")).toBeNull();
    expect(parseLogTime("yesterday")).toBeNull();
  });
});
