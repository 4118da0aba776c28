import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containing, listWith, matching, objectWith } from "../../support/cli-matchers.ts";
import { PROJECT } from "../../support/cli-lab.ts";
import { type CliEnd, firedrill } from "../../support/cli-run.ts";

let dir = "";
const LATEST = join(PROJECT, "playbooks/restore-latest.yaml");
const TO_TIME = join(PROJECT, "playbooks/restore-to-time.yaml");
const INVENTORY = `apiVersion: firedrill/v1
kind: Inventory
systems:
  - { name: orders, engine: postgresql, backups: [{ path: ./backups }] }
  - { name: quiet, engine: postgresql, endpoints: { primary: { host: 127.0.0.1, port: 1 } } }
`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "firedrill-commands-"));
  await chmod(dir, 0o755);
  await mkdir(join(dir, "nothing/not-a-backup"), { recursive: true });
  await mkdir(join(dir, "empty"));
  await writeFile(join(dir, "inventory.yaml"), INVENTORY);
  await writeFile(join(dir, "there.json"), "{}");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: dir });

test("help and version load commander and nothing else that is heavy", async () => {
  for (const option of ["--help", "--version"]) {
    const log = join(dir, `modules${option}`);
    const env = { MODULE_LOG: log };
    const nodeArgs = ["--import", join(PROJECT, "test/support/cli-modules.ts")];
    const { code, stdout } = await firedrill([option], { cwd: dir, env, nodeArgs });
    expect(code).toBe(0);
    expect(stdout).toMatch(option === "--help" ? /Usage: firedrill/u : /^\d+\.\d+\.\d+\n$/u);
    const loaded = (await readFile(log, "utf8")).trim().split("\n");
    const packages = new Set(loaded.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/u.exec(url)?.[1] ?? []));
    expect([...packages]).toEqual(["commander"]);
    const own = loaded.filter((url) => url.includes("/src/")).map((url) => url.replace(/^.*\/src\//u, "src/"));
    expect(own).toContain("src/cli.ts");
    expect(own.filter((path) => !/^src\/(?:cli(?:\/|\.ts)|support\/)/u.test(path))).toEqual([]);
    await rm(log);
  }
});

describe("bad input exits 2, says its code, and creates nothing", () => {
  test.each<readonly [string, readonly string[], readonly string[]]>([
    ["an unknown command", ["destroy"], ["unknown command 'destroy'"]],
    ["an unknown option", ["list", "--colour"], ["unknown option '--colour'"]],
    ["a missing argument", ["run"], ["missing required argument 'playbook'"]],
    ["an option without its value", ["list", "--limit"], ["argument missing"]],
    ["a value out of a choice", ["graph", LATEST, "--format", "png"], ["Allowed choices are mermaid, dot, stately"]],
    ["a number that is none", ["list", "--limit", "many"], ["USAGE", "--limit must be a whole number"]],
    ["a playbook that is not there", ["run", "nope.yaml"], ["FILE_NOT_FOUND", "nope.yaml does not exist"]],
    ["a folder as playbook", ["plan", "nothing"], ["FILE_UNREADABLE", "it is a folder"]],
    ["an inventory that is not there", ["plan", LATEST, "--inventory", "no.yaml"], ["FILE_NOT_FOUND"]],
    ["a run without a system", ["run", LATEST], ["MISSING_SYSTEM", "choose one: --system orders | quiet"]],
    ["an unknown system", ["run", LATEST, "--system", "ordres"], ["UNKNOWN_SYSTEM", 'did you mean "orders"?']],
    ["a missing parameter", ["plan", TO_TIME, "--system", "orders"], ["MISSING_PARAM", "--param until=..."]],
    [
      "an unknown parameter",
      ["plan", LATEST, "--system", "orders", "--param", "utnil=latest"],
      ["UNKNOWN_PARAM", "until"],
    ],
    ["a parameter without a value", ["plan", LATEST, "--param", "until"], ["PARAM_SYNTAX", "name=value"]],
    ["a parameter twice", ["plan", LATEST, "--param", "until=a", "--param", "until=b"], ["PARAM_SYNTAX", "twice"]],
    ["an unknown step", ["steps", "postgres/restor"], ["STEP_UNKNOWN", "did you mean postgres/restore?"]],
    ["a run that is not there", ["show", "20200101-000000-aaaa"], ["STATE_NOT_FOUND"]],
    ["a run id that is a path", ["show", "../../etc"], ["STATE_NOT_FOUND"]],
    ["no run at all", ["report"], ["STATE_NOT_FOUND"]],
    ["a resume of nothing", ["resume", "20200101-000000-aaaa"], ["STATE_NOT_FOUND"]],
    ["a halt of nothing", ["halt"], ["USAGE", "a run id, or --all"]],
    ["a halt without a name", ["halt", "--all", "--reason", "x"], ["HALT_WHO_AND_WHY"]],
    ["a halt of an unknown run", ["halt", "20200101-000000-aaaa", "--who", "a", "--reason", "b"], ["STATE_NOT_FOUND"]],
    ["a lift of one run", ["halt", "20200101-000000-aaaa", "--lift"], ["USAGE", "--lift goes with --all"]],
    ["a folder without backups", ["init", "nothing", "--out", "o"], ["INIT_NO_BACKUP", "nothing/not-a-backup"]],
    ["an empty folder", ["init", "empty", "--out", "o"], ["INIT_NO_BACKUP", "BACKUP_EMPTY_DIRECTORY"]],
    ["a folder that is not there", ["init", "nowhere", "--out", "o"], ["INIT_NO_BACKUP", "BACKUP_LOCATION_MISSING"]],
    ["an inventory that would be replaced", ["init", "nothing"], ["FILE_EXISTS", "inventory.yaml"]],
    ["a WAL folder without WAL", ["init", "nothing", "--wal", "empty", "--out", "o"], ["INIT_NO_WAL"]],
    ["a heartbeat without a system", ["heartbeat"], ["required option '--system <name>'"]],
    [
      "a heartbeat of an unknown system",
      ["heartbeat", "--system", "quite"],
      ["UNKNOWN_SYSTEM", 'did you mean "quiet"?'],
    ],
    ["a heartbeat of a system without primary", ["heartbeat", "--system", "orders"], ["SYSTEM_NO_PRIMARY"]],
    ["a heartbeat that is not configured", ["heartbeat", "--system", "quiet"], ["SYSTEM_NO_HEARTBEAT"]],
    ["a heartbeat of no beats", ["heartbeat", "--system", "quiet", "--count", "0"], ["USAGE", "--count"]],
    [
      "a fingerprint over a file",
      ["fingerprint", "--system", "quiet", "--out", "there.json"],
      ["FILE_EXISTS", "--force"],
    ],
    ["a fingerprint without a file", ["fingerprint", "--system", "quiet"], ["required option '--out <file>'"]],
  ])("%s", async (_, args, said) => {
    const before = await readdir(dir);
    const { code, stdout, stderr } = await run(...args, "--state", "never-made");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    for (const words of said) expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/\n\s+at .*\.ts/u);
    expect(await readdir(dir)).toEqual(before);
  });
});

test("what breaks on the way exits 5 with its code", async () => {
  const { code, stdout, stderr } = await run("fingerprint", "--system", "quiet", "--out", "new.json");
  expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
  expect(stderr).toContain("PG_CONNECT");
  expect(existsSync(join(dir, "new.json"))).toBe(false);
});

describe("commands that only look", () => {
  test("validate: documents of every kind, all at once", async () => {
    await writeFile(join(dir, "configuration.yaml"), "apiVersion: firedrill/v1\nkind: Configuration\nstate: ./state\n");
    const good = await run("validate", LATEST, TO_TIME, "inventory.yaml", "configuration.yaml");
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout.match(/is valid/gu)).toHaveLength(4);
    await writeFile(join(dir, "bad-playbook.yaml"), "apiVersion: firedrill/v1\nkind: Playbook\nphases: {}\nextra: 1\n");
    await writeFile(join(dir, "bad-inventory.yaml"), "apiVersion: firedrill/v1\nkind: Inventory\nsystems: []\n");
    await writeFile(join(dir, "bad-configuration.yaml"), "apiVersion: firedrill/v1\nkind: Configuration\npgbin: []\n");
    const names = ["bad-playbook.yaml", "bad-inventory.yaml", "nope.yaml", "bad-configuration.yaml"];
    const bad = await run("validate", ...names, LATEST);
    expect({ code: bad.code, stdout: bad.stdout }).toEqual({ code: 2, stdout: "" });
    expect(bad.stderr).toContain("bad-playbook.yaml:4:1 UNKNOWN_FIELD");
    expect(bad.stderr).toMatch(/bad-playbook\.yaml:\d+:\d+ MISSING_FIELD missing field "metadata"/u);
    expect(bad.stderr).toContain("bad-inventory.yaml:3:10 NO_SYSTEMS");
    expect(bad.stderr).toContain("nope.yaml:0:0 FILE_NOT_FOUND");
    expect(bad.stderr).toContain('bad-configuration.yaml:3:1 UNKNOWN_FIELD unknown field "pgbin"');
    const json = await run("validate", ...names, LATEST, "--json");
    expect(json).toMatchObject({ code: 2, stderr: "" });
    const told: unknown = JSON.parse(json.stdout);
    expect(told).toMatchObject({
      valid: false,
      files: [...names.map((file) => ({ file })), { file: LATEST, faults: [] }],
    });
  });

  test("validate: a system or a parameter that is open is no fault, a wrong one is", async () => {
    expect(await run("validate", TO_TIME)).toMatchObject({ code: 0 });
    expect(await run("validate", TO_TIME, "--param", "until=2026-11-21T03:00:00Z")).toMatchObject({ code: 0 });
    expect(await run("validate", TO_TIME, "--param", "until=yesterday")).toMatchObject({ code: 2 });
    expect(await run("validate", TO_TIME, "--system", "orders")).toMatchObject({ code: 2 });
    expect(await run("validate", LATEST, "--system", "nobody")).toMatchObject({ code: 2 });
  });

  test("plan shows phases, guards and what would be created; as JSON with its hash", async () => {
    const text = await run("plan", LATEST, "--system", "orders");
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toContain("creates: sandbox");
    expect(text.stdout).toMatch(/prepare \(at most .*\n {2}backup: /u);
    const json = await run("plan", LATEST, "--system", "orders", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      sha256: matching(/^[0-9a-f]{64}$/u),
      plan: { name: "restore-latest" },
    });
  });

  test.each([
    ["mermaid", /^stateDiagram-v2|^flowchart|^---/u],
    ["dot", /^digraph /u],
    ["stately", /^\{\n/u],
  ])("graph draws %s", async (format, begins) => {
    const { code, stdout, stderr } = await run("graph", LATEST, "--system", "orders", "--format", format);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(begins);
  });

  test("graph --json gives the picture in one document", async () => {
    const { code, stdout } = await run("graph", LATEST, "--system", "orders", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ format: "mermaid", picture: matching(/restore/u) });
  });

  test("steps lists all, describes one, and gives schemas as JSON", async () => {
    expect((await run("steps")).stdout).toMatch(/^backup\/find +read +action /mu);
    expect((await run("steps", "verify/rows")).stdout).toContain("table (string)");
    const all: unknown = JSON.parse((await run("steps", "--json")).stdout);
    expect(all).toEqual(listWith(objectWith({ uses: "postgres/restore", effect: "sandbox" })));
  });

  test("list, status and clean of nothing are empty and exit 0", async () => {
    expect(await run("list", "--state", "fresh")).toMatchObject({ code: 0, stdout: "no runs yet\n" });
    expect(JSON.parse((await run("list", "--state", "fresh", "--json")).stdout)).toEqual([]);
    expect(await run("status", "--state", "fresh")).toMatchObject({ code: 0, stdout: "no run is unfinished\n" });
    expect(JSON.parse((await run("status", "--state", "fresh", "--json")).stdout)).toMatchObject({
      halt: null,
      runs: [],
      resources: [],
    });
    expect(await run("clean", "--state", "fresh")).toMatchObject({ code: 0, stdout: "clean\n" });
    expect(JSON.parse((await run("clean", "--state", "fresh", "--json")).stdout)).toMatchObject({ clean: true });
  });

  test("halt --all refuses runs until it is lifted", async () => {
    const words = ["--who", "ada", "--reason", "freeze", "--state", "halted"];
    const halted = await run("halt", "--all", ...words, "--json");
    expect({ code: halted.code, result: JSON.parse(halted.stdout) as unknown }).toEqual({
      code: 0,
      result: { halted: "all" },
    });
    expect((await run("status", "--state", "halted")).stdout).toContain("by ada: freeze");
    const start = await run("run", LATEST, "--system", "orders", "--state", "halted");
    expect({ code: start.code, stdout: start.stdout }).toEqual({ code: 2, stdout: "" });
    expect(start.stderr).toContain("HALTED");
    expect(await run("halt", "--all", "--lift", ...words)).toMatchObject({
      code: 0,
      stdout: "lifted; runs are allowed again\n",
    });
    expect(await run("halt", "--all", "--lift", ...words)).toMatchObject({ code: 0, stdout: "no halt was in force\n" });
    expect(JSON.parse((await run("list", "--state", "halted", "--json")).stdout)).toEqual([]);
    for (const [args, said] of [
      [["show", "20200101-000000-aaaa"], "RUN_UNKNOWN"],
      [["resume", "20200101-000000-aaaa"], "RUN_UNKNOWN"],
      [["halt", "20200101-000000-aaaa", "--who", "a", "--reason", "b"], "RUN_UNKNOWN"],
      [["report"], "RUN_UNKNOWN"],
      [["show", "../../etc"], "RUN_ID"],
    ] as const) {
      const { code, stderr } = await run(...args, "--state", "halted");
      expect({ code, stderr }).toEqual({ code: 2, stderr: containing(said) });
    }
  });
});

describe("doctor", () => {
  test("finds a server and what else drills need, and leaves nothing behind", async () => {
    const before = await readdir(dir);
    const { code, stdout } = await run("doctor", "--state", "not/there/yet", "--json");
    expect(code).toBe(0);
    const report: unknown = JSON.parse(stdout);
    expect(report).toMatchObject({ canRun: true });
    const row = (name: string, found: RegExp): unknown => objectWith({ name, status: "ok", found: matching(found) });
    for (const expected of [
      row("postgresql", /^18\..*npm package/u),
      row("lz4", /./u),
      row("zstd", /./u),
      row("disk", / free in /u),
    ]) {
      expect(report).toMatchObject({ rows: listWith(expected) });
    }
    expect(await readdir(dir)).toEqual(before);
  });

  test("in words, with a row that lacks: exit 5", async () => {
    const { code, stdout } = await run("doctor", "--pg-bin", "empty");
    expect(code).toBe(5);
    expect(stdout).toMatch(/^ok {5}node +v\d+/mu);
    expect(stdout).toMatch(/^lacks {2}postgresql +--pg-bin .*has no PostgreSQL server/mu);
    expect(stdout).toContain("no drill can run here");
  });
});
