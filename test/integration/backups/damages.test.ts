import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeTarget, parseRecoveryTarget } from "../../../src/drills/recovery-target.ts";
import { StepError } from "../../../src/drills/step-error.ts";
import { temporaryFolder } from "../../support/backups-cluster.ts";
import { sealManifest, writeManifest } from "../../support/backups-manifest.ts";
import {
  copyScene,
  makeSandbox,
  makeScene,
  onlyBackup,
  quietWatch,
  type Scene,
  source,
} from "../../support/backups-scene.ts";

const signal = new AbortController().signal;
const home = temporaryFolder();
let scene: Scene;
let folder: ReturnType<typeof temporaryFolder>;
let at: ReturnType<typeof copyScene>;

beforeAll(async () => {
  scene = await makeScene(home.path);
});
afterAll(() => home.remove());
beforeEach(() => {
  folder = temporaryFolder();
  at = copyScene(scene, folder.path);
});
afterEach(() => folder.remove());

async function assess(until = "latest", timeline: "latest" | "current" | number = "latest") {
  const target = parseRecoveryTarget(until);
  if (target === undefined) throw new Error(`no target: ${until}`);
  const answer = await source().assess(await onlyBackup(at.location, at.archive), target, timeline, signal);
  return answer.kind === "broken" ? answer.problems : answer;
}

async function fetchInto(freeBytes?: number) {
  const backup = await onlyBackup(at.location, at.archive);
  const sandbox = makeSandbox(folder.path);
  const { uid, gid, dir } = sandbox;
  const result = await source(freeBytes)
    .fetch(backup, { dir: join(dir, "data"), tablespaceRoot: join(dir, "tablespaces"), uid, gid }, quietWatch())
    .catch((error: unknown) => error);
  return { result, data: join(dir, "data") };
}

const segment = (index: number): string => scene.segments[index] ?? "";
const wal = (index: number): string => join(at.archive, segment(index));
const relation = (): string =>
  join(
    "base",
    "1",
    readdirSync(join(at.backup, "base", "1")).find(
      (name) => /^\d+$/u.test(name) && readFileSync(join(at.backup, "base", "1", name)).length > 8192,
    ) ?? "",
  );

test("the undamaged backup is restorable and copied whole", async () => {
  expect(await assess()).toMatchObject({ kind: "restorable", timeline: 1, notes: [] });
  const { result, data } = await fetchInto();
  expect(result).toMatchObject({ kind: "transfer", method: "copy", checksum: "CRC32C" });
  expect(readFileSync(join(data, relation()))).toEqual(readFileSync(join(at.backup, relation())));
});

describe("damaged WAL is named by segment", () => {
  test("one in the middle is missing", async () => {
    rmSync(wal(2));
    expect(await assess()).toMatchObject([
      {
        code: "WAL_GAP",
        message: expect.stringMatching(
          `${segment(2)} is missing; behind it there is ${segment(3)} to ${scene.segments.at(-1) ?? ""}`,
        ) as unknown,
      },
    ]);
  });
  test("the first is missing", async () => {
    rmSync(wal(0));
    expect(await assess()).toMatchObject([
      { code: "WAL_GAP", message: expect.stringContaining(`${segment(0)} is missing`) as unknown },
    ]);
  });
  test("all behind the start are missing, so that the backup's own end is not reached", async () => {
    for (const name of readdirSync(at.archive)) if (!name.includes(".backup")) rmSync(join(at.archive, name));
    expect(await assess("immediate")).toMatchObject([
      { code: "WAL_GAP", message: expect.stringContaining(`up to ${scene.stopLsn}`) as unknown },
    ]);
  });
  test("the last is missing and a later backup shows that it was there", async () => {
    const last = scene.segments.length - 1;
    rmSync(wal(last));
    writeFileSync(join(at.archive, `${segment(last)}.00000028.backup`), "");
    expect(await assess()).toMatchObject([
      { code: "WAL_GAP", message: expect.stringContaining(`${segment(last)} is missing`) as unknown },
    ]);
  });
  test("the last is missing where a promotion's history names a later fork", async () => {
    writeFileSync(join(at.archive, "00000002.history"), `1\tF/0\tno recovery target specified\n`);
    writeFileSync(join(at.archive, `00000002${segment(0).slice(8, 8)}0000000F00000001`), Buffer.alloc(1024 * 1024));
    expect(await assess()).toMatchObject([{ code: "WAL_GAP" }]);
  });
  test("one is truncated", async () => {
    truncateSync(wal(2), 500_000);
    expect(await assess()).toMatchObject([
      { code: "WAL_SEGMENT_SIZE", message: `${wal(2)} has 500000 bytes, a segment has 1048576` },
    ]);
  });
  test("the last is truncated", async () => {
    const last = scene.segments.length - 1;
    truncateSync(wal(last), 8192);
    expect(await assess()).toMatchObject([
      { code: "WAL_SEGMENT_SIZE", message: expect.stringContaining(segment(last)) as unknown },
    ]);
  });
  test("one has no bytes", async () => {
    truncateSync(wal(3), 0);
    expect(await assess()).toMatchObject([{ code: "WAL_SEGMENT_EMPTY", message: `${wal(3)} has no bytes` }]);
  });
  test("one is of another system", async () => {
    const bytes = readFileSync(wal(2));
    bytes.writeBigUInt64LE(42n, 24);
    writeFileSync(wal(2), bytes);
    expect(await assess()).toMatchObject([
      { code: "WAL_FOREIGN_SYSTEM", message: expect.stringContaining(`${wal(2)} is WAL of system 42`) as unknown },
    ]);
  });
  test("one is zeros, and one is another under its name", async () => {
    writeFileSync(wal(2), Buffer.alloc(1024 * 1024));
    copyFileSync(wal(4), wal(3));
    expect(await assess()).toMatchObject([
      { code: "WAL_SEGMENT_DAMAGED", message: expect.stringContaining(wal(2)) as unknown },
      { code: "WAL_SEGMENT_DAMAGED", message: expect.stringContaining(wal(3)) as unknown },
    ]);
  });
  test("only a .partial is left of the next", async () => {
    const last = scene.segments.length - 1;
    renameSync(wal(last), `${wal(last)}.partial`);
    expect(await assess()).toMatchObject({
      kind: "restorable",
      notes: [expect.stringContaining(`${wal(last)}.partial is not replayed`)],
    });
  });
  test("the archive is not there", async () => {
    rmSync(at.archive, { recursive: true });
    const listing = await source().list({ kind: "directory", path: at.location, wal: at.archive }, signal);
    expect(listing).toMatchObject({ backups: [], rejected: [{ path: at.backup, code: "WAL_ARCHIVE_MISSING" }] });
  });
});

describe("targets and timelines that cannot be reached", () => {
  test("a position before the backup's end", async () => {
    expect(await assess("0/28")).toMatchObject([
      { code: "TARGET_BEFORE_BACKUP_END", message: expect.stringContaining(scene.stopLsn) as unknown },
    ]);
  });
  test("a time before the backup's end", async () => {
    const { endedWallUs } = await onlyBackup(at.location, at.archive);
    const target = `${new Date((endedWallUs ?? 0) / 1000 - 1000).toISOString().slice(0, 19)}Z`;
    expect(await assess(target)).toMatchObject([
      {
        code: "TARGET_BEFORE_BACKUP_END",
        message: expect.stringContaining(describeTarget({ kind: "time", wallUs: 0, text: target })) as unknown,
      },
    ]);
  });
  test("a position behind the archive's end", async () => {
    expect(await assess("F/0")).toMatchObject([{ code: "TARGET_AFTER_ARCHIVE" }]);
  });
  test("a timeline that forked before the backup ended", async () => {
    writeFileSync(join(at.archive, "00000002.history"), "1\t0/28\tno recovery target specified\n");
    expect(await assess()).toMatchObject([
      { code: "TIMELINE_FORK", message: expect.stringContaining(scene.stopLsn) as unknown },
    ]);
    expect(await assess("latest", "current")).toMatchObject({ kind: "restorable" });
  });
  test("a timeline that nothing is known of", async () => {
    expect(await assess("latest", 9)).toMatchObject([
      { code: "TIMELINE_UNKNOWN", message: expect.stringContaining("00000009.history") as unknown },
    ]);
  });
});

describe("damaged files are named by path", () => {
  test("a missing one, a short one and an unknown one, all at once", async () => {
    const short = relation();
    truncateSync(join(at.backup, short), 4096);
    rmSync(join(at.backup, "global", "pg_filenode.map"));
    writeFileSync(join(at.backup, "base", "1", "intruder"), "x");
    const problems = await assess();
    expect(problems).toHaveLength(3);
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          code: "BACKUP_FILE_MISSING",
          message: expect.stringContaining("global/pg_filenode.map") as unknown,
        }),
        expect.objectContaining({ code: "BACKUP_FILE_SIZE", message: expect.stringContaining(short) as unknown }),
        expect.objectContaining({
          code: "BACKUP_EXTRA_FILE",
          message: expect.stringContaining("base/1/intruder") as unknown,
        }),
      ]),
    );
    const { result, data } = await fetchInto();
    expect(result).toBeInstanceOf(StepError);
    expect(readdirSync(data)).toEqual([]);
  });
  test("one flipped bit is found while copying, with both checksums", async () => {
    const file = relation();
    const bytes = readFileSync(join(at.backup, file));
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    writeFileSync(join(at.backup, file), bytes);
    expect(await assess()).toMatchObject({ kind: "restorable" });
    const { result } = await fetchInto();
    expect(result).toMatchObject({
      class: "subject",
      code: "BACKUP_CHECKSUM",
      message: expect.stringMatching(`${file} has CRC32C [0-9a-f]{8}, the manifest says [0-9a-f]{8}`) as unknown,
    });
  });
  test("the same with SHA256", async () => {
    writeManifest(at.backup, { algorithm: "SHA256" });
    appendFileSync(join(at.backup, "pg_hba.conf"), "");
    const bytes = readFileSync(join(at.backup, "pg_hba.conf"));
    writeFileSync(join(at.backup, "pg_hba.conf"), bytes.fill(0x23, 10, 11));
    expect((await fetchInto()).result).toMatchObject({
      code: "BACKUP_CHECKSUM",
      message: expect.stringContaining("pg_hba.conf has SHA256") as unknown,
    });
  });
  test("the disk is too small: nothing is written", async () => {
    const { result, data } = await fetchInto(1000);
    expect(result).toMatchObject({
      code: "DISK_TOO_SMALL",
      message: expect.stringContaining("1000 bytes free") as unknown,
    });
    expect(readdirSync(data)).toEqual([]);
  });
  test("an abort ends the copy at once", async () => {
    const backup = await onlyBackup(at.location, at.archive);
    const { uid, gid, dir } = makeSandbox(folder.path);
    const stop = new AbortController();
    const copying = source().fetch(
      backup,
      { dir: join(dir, "data"), tablespaceRoot: join(dir, "ts"), uid, gid },
      { signal: stop.signal, progress: () => stop.abort(new Error("enough")) },
    );
    await expect(copying).rejects.toThrow("enough");
  });
});

describe("what is no backup is rejected with its reason", () => {
  const rejected = async () =>
    (await source().list({ kind: "directory", path: at.location, wal: at.archive }, signal)).rejected;
  const damages: readonly (readonly [string, () => void, string])[] = [
    [
      "an empty folder",
      () => {
        rmSync(at.backup, { recursive: true });
        mkdirSync(at.backup);
      },
      "BACKUP_EMPTY_DIRECTORY",
    ],
    [
      "a folder of something else",
      () => {
        rmSync(at.backup, { recursive: true });
        mkdirSync(at.backup);
        writeFileSync(join(at.backup, "notes.txt"), "x");
      },
      "BACKUP_NOT_ONE",
    ],
    ["no backup_label", () => rmSync(join(at.backup, "backup_label")), "BACKUP_NO_LABEL"],
    [
      "a backup_label without a start",
      () => writeFileSync(join(at.backup, "backup_label"), "LABEL: x\n"),
      "BACKUP_LABEL_SYNTAX",
    ],
    ["no PG_VERSION", () => rmSync(join(at.backup, "PG_VERSION")), "BACKUP_NO_PG_VERSION"],
    ["a strange PG_VERSION", () => writeFileSync(join(at.backup, "PG_VERSION"), "nine\n"), "BACKUP_VERSION_UNKNOWN"],
    ["no pg_control", () => rmSync(join(at.backup, "global", "pg_control")), "BACKUP_NO_CONTROL"],
    ["a short pg_control", () => truncateSync(join(at.backup, "global", "pg_control"), 100), "CONTROL_FILE_SHORT"],
    [
      "a changed manifest",
      () =>
        writeFileSync(
          join(at.backup, "backup_manifest"),
          readFileSync(join(at.backup, "backup_manifest"), "utf8").replace('"Size": 3', '"Size": 4'),
        ),
      "MANIFEST_CHECKSUM",
    ],
    ["a cut manifest", () => truncateSync(join(at.backup, "backup_manifest"), 1000), "MANIFEST_CHECKSUM"],
    [
      "a manifest of the future",
      () =>
        writeFileSync(
          join(at.backup, "backup_manifest"),
          sealManifest('{ "PostgreSQL-Backup-Manifest-Version": 9,\n"Files": [],\n"WAL-Ranges": [],\n'),
        ),
      "MANIFEST_VERSION",
    ],
    [
      "an incremental backup",
      () =>
        appendFileSync(join(at.backup, "backup_label"), "INCREMENTAL FROM LSN: 0/2000028\nINCREMENTAL FROM TLI: 1\n"),
      "BACKUP_INCREMENTAL",
    ],
    [
      "a label that is a link",
      () => {
        rmSync(join(at.backup, "backup_label"));
        symlinkSync("/etc/hostname", join(at.backup, "backup_label"));
      },
      "BACKUP_LINK",
    ],
  ];
  test.each(damages)("%s", async (_, damage, code) => {
    damage();
    expect(await rejected()).toMatchObject([{ path: at.backup, code }]);
  });
  test("a backup that is still being taken", async () => {
    renameSync(at.backup, `${at.backup}.partial`);
    expect(await rejected()).toMatchObject([{ path: `${at.backup}.partial`, code: "BACKUP_PARTIAL" }]);
  });
  test("a location that is not there", async () => {
    rmSync(at.location, { recursive: true });
    expect(await rejected()).toMatchObject([{ path: at.location, code: "BACKUP_LOCATION_MISSING" }]);
  });
});

describe("hostile trees are refused and nothing is written", () => {
  test.each([
    ["a link out of the tree", () => symlinkSync("/etc/passwd", join(at.backup, "base", "1", "evil")), "evil"],
    ["a linked folder", () => symlinkSync("/etc", join(at.backup, "base", "evil")), "evil"],
    ["a name with a line break", () => writeFileSync(join(at.backup, "base", "a\nb"), ""), String.raw`a\nb`],
  ])("%s", async (_, damage, place) => {
    damage();
    expect(await assess()).toMatchObject([
      { code: "BACKUP_TREE_HOSTILE", message: expect.stringContaining(place) as unknown },
    ]);
    const { result, data } = await fetchInto();
    expect(result).toMatchObject({ class: "subject", code: "BACKUP_TREE_HOSTILE" });
    expect(existsSync(join(data, "PG_VERSION"))).toBe(false);
  });
  test("a socket", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(join(at.backup, "base", "s"), resolve);
    });
    try {
      expect(await assess()).toMatchObject([
        { code: "BACKUP_TREE_HOSTILE", message: expect.stringContaining(basename("base/s")) as unknown },
      ]);
    } finally {
      server.close();
    }
  });
  test("a tablespace that still points to where the primary keeps it", async () => {
    mkdirSync(join(folder.path, "live", "PG_18_202506291"), { recursive: true });
    writeFileSync(join(at.backup, "tablespace_map"), `16500 ${join(folder.path, "live")}\n`);
    symlinkSync(join(folder.path, "live"), join(at.backup, "pg_tblspc", "16500"));
    expect(await assess()).toMatchObject([{ code: "BACKUP_TABLESPACE_LIVE" }]);
  });
});
