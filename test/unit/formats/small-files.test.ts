import { describe, expect, test } from "vitest";
import { parseBackupHistoryFile } from "../../../src/formats/postgres/backup-history-file.ts";
import { parseBackupLabel } from "../../../src/formats/postgres/backup-label.ts";
import { parseBackupManifest } from "../../../src/formats/postgres/backup-manifest.ts";
import { parseTimelineHistory } from "../../../src/formats/postgres/timeline-history.ts";
import { checkSegmentHeader, readWalPageHeader } from "../../../src/formats/postgres/wal-page-header.ts";
import { sealManifest } from "../../support/backups-manifest.ts";

const LABEL = `START WAL LOCATION: 0/4000028 (file 000000010000000000000004)
CHECKPOINT LOCATION: 0/4000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 01:21:07 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 1
`;

describe("backup_label", () => {
  test("says where recovery begins", () => {
    expect(parseBackupLabel(LABEL)).toMatchObject({
      startLsn: 0x4000028n,
      startSegment: "000000010000000000000004",
      timeline: 1,
      method: "streamed",
      from: "primary",
      label: "pg_basebackup base backup",
      incrementalFromLsn: null,
    });
  });
  test("of an incremental backup names its predecessor", () => {
    expect(
      parseBackupLabel(`${LABEL}INCREMENTAL FROM LSN: 0/2000028\nINCREMENTAL FROM TLI: 1\n`).incrementalFromLsn,
    ).toBe(0x2000028n);
  });
  test("cannot be overridden by line breaks in its label text", () => {
    expect(parseBackupLabel(`${LABEL}START WAL LOCATION: 0/9000028 (file 000000010000000000000009)\n`).startLsn).toBe(
      0x4000028n,
    );
  });
  test("without a start is refused", () => {
    expect(() => parseBackupLabel("LABEL: x\n")).toThrow(expect.objectContaining({ code: "BACKUP_LABEL_SYNTAX" }));
  });
});

describe("history files", () => {
  test("a backup's says when and where it ended", () => {
    const history = parseBackupHistoryFile(
      `${LABEL.replace("CHECKPOINT", "STOP WAL LOCATION: 0/4000100 (file 000000010000000000000004)\nCHECKPOINT")}STOP TIME: 2026-11-21 01:21:08 UTC\nSTOP TIMELINE: 1\n`,
    );
    expect(history).toMatchObject({
      stopLsn: 0x4000100n,
      stopTimeline: 1,
      endedWallUs: Date.parse("2026-11-21T01:21:08Z") * 1000,
    });
  });
  test("a backup's without an end is refused", () => {
    expect(() => parseBackupHistoryFile(LABEL)).toThrow(expect.objectContaining({ code: "BACKUP_HISTORY_SYNTAX" }));
  });
  test("a timeline's names its ancestors", () => {
    expect(
      parseTimelineHistory("1\t0/5000000\tno recovery target specified\n# remark\n\n2\t0/7000000\tbefore x\n", 3),
    ).toEqual([
      { timeline: 1, switchLsn: 0x5000000n, reason: "no recovery target specified" },
      { timeline: 2, switchLsn: 0x7000000n, reason: "before x" },
    ]);
  });
  test.each(["x\t0/1\ty", "2\t0/1\ty\n1\t0/2\tz", "3\t0/1\ty", "1 nonsense"])(
    "a timeline's with %j is refused",
    (text) => {
      expect(() => parseTimelineHistory(text, 3)).toThrow(expect.objectContaining({ code: "TIMELINE_HISTORY_SYNTAX" }));
    },
  );
});

const MANIFEST = `{ "PostgreSQL-Backup-Manifest-Version": 2,
"System-Identifier": 7710427983699206634,
"Files": [
{ "Path": "PG_VERSION", "Size": 3, "Last-Modified": "2026-11-21 01:18:30 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "8A744722" },
{ "Encoded-Path": "6261", "Size": 0, "Last-Modified": "2026-11-21 01:18:30 GMT" }
],
"WAL-Ranges": [
{ "Timeline": 1, "Start-LSN": "0/4000028", "End-LSN": "0/4000100" }
],
`;

describe("backup_manifest", () => {
  test("is read with its 64-bit system identifier intact", () => {
    const manifest = parseBackupManifest(Buffer.from(sealManifest(MANIFEST)));
    expect(manifest).toMatchObject({
      version: 2,
      systemIdentifier: "7710427983699206634",
      walRanges: [{ timeline: 1, startLsn: 0x4000028n, endLsn: 0x4000100n }],
    });
    expect(manifest.files.map((file) => [file.path, file.checksum])).toEqual([
      ["PG_VERSION", { algorithm: "CRC32C", hex: "8a744722" }],
      ["ba", { algorithm: "NONE", hex: "" }],
    ]);
  });
  test.each([
    ["one changed digit", sealManifest(MANIFEST).replace('"Size": 3', '"Size": 4'), "MANIFEST_CHECKSUM"],
    ["its last line cut off", MANIFEST, "MANIFEST_CHECKSUM"],
    ["another version", sealManifest(MANIFEST.replace('Version": 2', 'Version": 3')), "MANIFEST_VERSION"],
    ["no JSON", sealManifest("{ nonsense\n"), "MANIFEST_SYNTAX"],
    ["a path that leaves the backup", sealManifest(MANIFEST.replace("PG_VERSION", "../PG_VERSION")), "MANIFEST_SYNTAX"],
    ["an absolute path", sealManifest(MANIFEST.replace("PG_VERSION", "/etc/passwd")), "MANIFEST_SYNTAX"],
    ["an unknown algorithm", sealManifest(MANIFEST.replace('"CRC32C"', '"MD5"')), "MANIFEST_SYNTAX"],
  ])("with %s is refused", (_, text, code) => {
    expect(() => parseBackupManifest(Buffer.from(text))).toThrow(expect.objectContaining({ code }));
  });
});

function walPage(): Buffer {
  const page = Buffer.alloc(64);
  page.writeUInt16LE(0xd118, 0);
  page.writeUInt16LE(2, 2);
  page.writeUInt32LE(1, 4);
  page.writeBigUInt64LE(0x4000000n, 8);
  page.writeBigUInt64LE(77n, 24);
  page.writeUInt32LE(16 * 1024 * 1024, 32);
  page.writeUInt32LE(8192, 36);
  return page;
}

describe("first page of a WAL segment", () => {
  const expected = { timeline: 1, segment: 4n, segmentBytes: 16 * 1024 * 1024, systemIdentifier: "77" };
  test("is recognised", () => {
    expect(readWalPageHeader(walPage())).toMatchObject({
      kind: "header",
      header: { major: 18, systemIdentifier: "77", timeline: 1 },
    });
    expect(checkSegmentHeader(walPage(), expected)).toBeUndefined();
  });
  test("of another system is foreign", () => {
    expect(checkSegmentHeader(walPage(), { ...expected, systemIdentifier: "78" })).toEqual({
      kind: "foreign",
      seen: "77",
      expected: "78",
    });
  });
  test.each([
    ["another segment", walPage(), { ...expected, segment: 5n }],
    ["a later timeline than its name", Buffer.from(walPage().fill(9, 4, 5)), expected],
    ["zeros", Buffer.alloc(64), expected],
    ["too few bytes", walPage().subarray(0, 20), expected],
  ])("of %s is damaged", (_, page, wanted) => {
    expect(checkSegmentHeader(page, wanted)).toMatchObject({ kind: "damaged" });
  });
});
