import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SystemSnapshot } from "../../../src/drills/inventory.ts";
import { findBackupStep } from "../../../src/steps/backup/find.ts";
import { temporaryFolder } from "../../support/backups-cluster.ts";
import { writeManifest } from "../../support/backups-manifest.ts";
import { copyScene, makeScene, type Scene, source } from "../../support/backups-scene.ts";
import { stepContext } from "../../support/checks-context.ts";

const home = temporaryFolder();
const step = findBackupStep({ sources: new Map([["directory", source()]]) });
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

function system(): SystemSnapshot {
  return {
    name: "orders",
    engine: "postgresql",
    environment: "test",
    owner: null,
    tier: null,
    tags: {},
    endpoints: { primary: null, replicas: [] },
    credentials: { user: null, password: null, database: null, replication: null },
    nodes: [],
    client: { hosts: [], targetSessionAttrs: "read-write" },
    backups: [{ kind: "directory", path: at.location, wal: at.archive }],
    heartbeat: null,
    newest: null,
    objectives: { rtoMs: null, rpoMs: null },
    extra: {},
  };
}

async function find(input: Record<string, unknown> = {}) {
  const context = stepContext({ system: system() });
  const outcome = await step.run(step.with.parse(input), context).catch((error: unknown) => error);
  return { outcome, recorded: context.recorded };
}

/** A second backup whose label and history say that it was taken two days before. */
function addOlder(): void {
  const older = join(at.location, "older");
  cpSync(at.backup, older, { recursive: true });
  const label = join(older, "backup_label");
  const text = readFileSync(label, "utf8");
  writeFileSync(
    label,
    text
      .replace(/START TIME: .*/u, "START TIME: 2020-01-01 00:00:00 UTC")
      .replace(/\/(?:[0-9A-F]+)028 \(/u, (match) => match.replace("028", "060")),
  );
  rmSync(join(older, "backup_manifest"));
}

test("the newest backup is found, with its end of WAL, and kept as the recovery's source", async () => {
  addOlder();
  const { outcome, recorded } = await find();
  expect(outcome).toMatchObject({
    kind: "done",
    outputs: { backup: { id: "one" }, candidates: 2, rejected: 0, reason: "newest of 2", timeline: 1, notes: [] },
  });
  expect(recorded.facts).toMatchObject([
    { kind: "recovery_source", tool: "directory", backupId: "one", selection: "newest of 2", format: "plain" },
  ]);
});

test("oldest, by id, before a time and at random select as they say", async () => {
  addOlder();
  expect((await find({ select: "oldest" })).outcome).toMatchObject({ outputs: { backup: { id: "older" } } });
  expect((await find({ select: "id:older" })).outcome).toMatchObject({ outputs: { backup: { id: "older" } } });
  expect((await find({ select: "before:2021-01-01T00:00:00Z" })).outcome).toMatchObject({
    outputs: { backup: { id: "older" } },
  });
  expect((await find({ select: "random" })).outcome).toMatchObject({
    outputs: { backup: { id: "older" }, reason: "random of 2, draw 0.500000000 from the run's seed" },
  });
});

test("age and all damages are said at once, and nothing is recorded", async () => {
  addOlder();
  rmSync(join(at.location, "older", "global", "pg_filenode.map"));
  rmSync(join(at.archive, scene.segments[2] ?? ""));
  const { outcome, recorded } = await find({ select: "id:older", maxAge: "26h" });
  expect(outcome).toMatchObject({
    class: "subject",
    code: "BACKUP_TOO_OLD",
    details: { problems: [{ code: "BACKUP_TOO_OLD" }, { code: "BACKUP_FILE_MISSING" }, { code: "WAL_GAP" }] },
  });
  expect(recorded.facts).toEqual([]);
});

test.each([
  ["an unknown id", { select: "id:nope" }, "BACKUP_NOT_FOUND"],
  ["nothing so old", { minAge: "20d" }, "BACKUP_TOO_YOUNG"],
  ["a time before all", { select: "before:1999-01-01T00:00:00Z" }, "BACKUP_NOT_FOUND"],
  ["a target behind the archive", { until: "F/0" }, "TARGET_AFTER_ARCHIVE"],
])("%s fails", async (_, input, code) => {
  expect((await find(input)).outcome).toMatchObject({ class: "subject", code });
});

test("a single folder that is no backup says itself why", async () => {
  rmSync(join(at.backup, "backup_label"));
  expect((await find()).outcome).toMatchObject({
    code: "BACKUP_NO_LABEL",
    message: expect.stringContaining(at.backup) as unknown,
  });
});

test("several that are none make an empty set, which fails with all reasons", async () => {
  addOlder();
  rmSync(join(at.backup, "backup_label"));
  rmSync(join(at.location, "older", "PG_VERSION"));
  expect((await find()).outcome).toMatchObject({
    code: "BACKUP_NONE",
    details: { problems: [{ code: "BACKUP_NONE" }, { code: "BACKUP_NO_PG_VERSION" }, { code: "BACKUP_NO_LABEL" }] },
  });
});

test("a rejected neighbour is a deviation", async () => {
  addOlder();
  rmSync(join(at.location, "older", "PG_VERSION"));
  writeManifest(at.backup);
  expect((await find()).recorded.deviations).toEqual(["BACKUP_REJECTED"]);
});

test("what nothing checks is a deviation: no manifest, or files without a checksum in it", async () => {
  expect((await find()).recorded.deviations).toEqual([]);
  writeManifest(at.backup, { algorithm: "NONE" });
  expect(await find()).toMatchObject({
    outcome: { kind: "done", outputs: { notes: [expect.stringContaining("has no checksum for")] } },
    recorded: { deviations: ["BACKUP_UNVERIFIED"] },
  });
  rmSync(join(at.backup, "backup_manifest"));
  expect(await find()).toMatchObject({
    outcome: { kind: "done", outputs: { notes: [expect.stringContaining("no backup_manifest")] } },
    recorded: { deviations: ["BACKUP_UNVERIFIED"] },
  });
});

describe("a backup from the future", () => {
  const date = (ahead: number): void => {
    const text = `${new Date(Date.now() + ahead).toISOString().slice(0, 19).replace("T", " ")} UTC`;
    const history = readdirSync(at.archive).find((name) => name.endsWith(".backup")) ?? "";
    for (const path of [join(at.backup, "backup_label"), join(at.archive, history)])
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(START|STOP) TIME: .*/gu, `$1 TIME: ${text}`));
    rmSync(join(at.backup, "backup_manifest"));
  };

  test.each([
    ["is the newest", { select: "newest" }],
    ["is younger than any age", { select: "newest", maxAge: "26h" }],
    ["is asked for", { select: "id:one" }],
    ["is before a later time", { select: "before:2999-01-01T00:00:00Z" }],
  ])("is refused when it %s", async (_, input) => {
    addOlder();
    date(3_600_000);
    const { outcome, recorded } = await find(input);
    expect(outcome).toMatchObject({ class: "subject", code: "BACKUP_FROM_FUTURE" });
    expect(recorded.facts).toEqual([]);
  });

  test("is not drawn at random", async () => {
    addOlder();
    date(3_600_000);
    expect((await find({ select: "random" })).outcome).toMatchObject({
      outputs: { backup: { id: "older" }, candidates: 1 },
    });
  });

  test("within what two clocks may differ is none", async () => {
    date(20_000);
    expect((await find({ maxAge: "26h" })).outcome).toMatchObject({ kind: "done", outputs: { backup: { id: "one" } } });
  });
});

test.each([
  { select: "youngest" },
  { select: "before:noon" },
  { until: "tomorrow" },
  { timeline: "next" },
  { maxAge: "26" },
  { path: "/x" },
])("%j is refused as input", (input) => {
  expect(step.with.safeParse(input).success).toBe(false);
});
