import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBaseline } from "../../../src/databases/postgres-content/baseline.ts";
import { containing, matching } from "../../support/cli-matchers.ts";
import { type CliLab, makeCliLab } from "../../support/cli-lab.ts";
import { type CliEnd, firedrill, leftIn, NOTHING, startFiredrill } from "../../support/cli-run.ts";
import { openSession } from "../../support/pg-machine.ts";
import { value } from "../../support/pg-history.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: lab.dir });
async function ask(sql: string): Promise<string> {
  await using session = await openSession(lab.primary.database);
  return await value(session, sql);
}

describe("heartbeat", () => {
  test("writes as many beats as it is told and says what load it adds", async () => {
    const before = Number(await ask("select count(*) from firedrill.heartbeat"));
    await fast();
    const end = await run("heartbeat", "--inventory", "fast.yaml", "--system", "orders", "--count", "3", "--json");
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toEqual({
      system: "orders",
      schema: "firedrill",
      intervalMs: 20,
      beats: 3,
      reconnections: 0,
    });
    expect(end.stderr).toMatch(/load: one connection, one insert and commit each time \(4,320,000 a day/u);
    expect(Number(await ask("select count(*) from firedrill.heartbeat"))).toBe(before + 3);
    expect(existsSync(lab.path(".firedrill"))).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("ends cleanly on %s: exit 0", async (signal) => {
    await fast();
    const before = Number(await ask("select max(seq) from firedrill.heartbeat"));
    await using beating = startFiredrill(["heartbeat", "--inventory", "fast.yaml", "--system", "orders"], {
      cwd: lab.dir,
    });
    while (Number(await ask("select max(seq) from firedrill.heartbeat")) < before + 2);
    beating.kill(signal);
    const { code, stdout } = await beating.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: matching(/^\d+ beats, 0 reconnections\n$/u) });
  });

  async function fast(): Promise<void> {
    const inventory = await readFile(lab.path("inventory.yaml"), "utf8");
    await writeFile(lab.path("fast.yaml"), inventory.replace("interval: 1s", "interval: 20ms"));
  }
});

describe("fingerprint", () => {
  test("writes a baseline of the primary, of another database when told, and replaces with --force only", async () => {
    const first = await run("fingerprint", "--system", "orders", "--out", "base.json", "--json");
    expect(first).toMatchObject({ code: 0, stderr: "table 1 of 1\n" });
    expect(JSON.parse(first.stdout)).toMatchObject({ database: "postgres", tables: 1, excluded: 0 });
    const baseline = await readBaseline(lab.path("base.json"));
    expect(baseline.tables).toMatchObject({ "public.orders": { rows: "1500" } });
    const again = await run("fingerprint", "--system", "orders", "--out", "base.json");
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: containing("FILE_EXISTS") });
    await ask("create database shop");
    const empty = await run("fingerprint", "--system", "orders", "--out", "base.json", "--force", "--database", "shop");
    expect(empty).toMatchObject({ code: 5, stderr: containing("FINGERPRINT_NOTHING") });
    expect(await readBaseline(lab.path("base.json"))).toEqual(baseline);
    expect((await run("fingerprint", "--system", "orders", "--out", "base.json", "--force")).code).toBe(0);
  });
});

describe("init", () => {
  test("finds the archive beside the backups; what it writes is valid, and runs and passes", async () => {
    const end = await run("init", "backups", "--system", "shop", "--out", "first");
    expect(end).toMatchObject({ code: 0, stderr: "" });
    const [, next = ""] = end.stdout.split("next:\n");
    const commands = next
      .trim()
      .split("\n")
      .map((line) => line.trim().split(" "));
    expect(commands.map(([program, command]) => `${program} ${command}`)).toEqual([
      "firedrill validate",
      "firedrill plan",
      "firedrill run",
    ]);
    for (const [, ...args] of commands) expect(await run(...args)).toMatchObject({ code: 0 });
    expect(await readFile(lab.path("first/inventory.yaml"), "utf8")).toMatch(/path: .*\/backups\n[^]*wal: .*\/wal\n/u);
    // The control: where there is nothing, it says so and goes red.
    const empty = await run("run", "first/restore.yaml", "--system", "shop", "--param", "database=template1");
    expect(empty.code).toBe(1);
    expect(empty.stdout).toContain("0 tables in template1; other databases:");
    expect(leftIn(lab.path(".firedrill"))).toEqual(NOTHING);
  });

  test("never overwrites, and then writes neither file", async () => {
    await mkdir(lab.path("taken"));
    await writeFile(lab.path("taken/restore.yaml"), "mine");
    const end = await run("init", "backups", "--out", "taken");
    expect(end).toMatchObject({
      code: 2,
      stdout: "",
      stderr: containing("FILE_EXISTS taken/restore.yaml"),
    });
    expect(existsSync(lab.path("taken/inventory.yaml"))).toBe(false);
    expect(await readFile(lab.path("taken/restore.yaml"), "utf8")).toBe("mine");
  });

  test("a system's name that no inventory takes is refused", async () => {
    const end = await run("init", "backups", "--out", "named", "--system", "My Shop");
    expect(end).toMatchObject({ code: 2, stdout: "", stderr: containing("INIT_NAME") });
    expect(existsSync(lab.path("named"))).toBe(false);
  });

  test("finds an archive among the backups, a base backup by itself, and none; says what will be red", async () => {
    await mkdir(lab.path("shelf"));
    await cp(lab.path("backups/base-1"), lab.path("shelf/monday"), { recursive: true });
    await cp(lab.path("wal"), lab.path("shelf/segments from the primary"), { recursive: true });
    const among = await run("init", "shelf", "--out", "among", "--json");
    expect(JSON.parse(among.stdout)).toMatchObject({
      wal: lab.path("shelf/segments from the primary"),
      rejected: [],
      problems: [],
    });
    expect((await run("validate", "among/inventory.yaml")).code).toBe(0);

    const one = JSON.parse(
      (await run("init", "backups/base-1", "--wal", "wal", "--out", "one", "--json")).stdout,
    ) as unknown;
    expect(one).toMatchObject({ path: lab.path("backups/base-1"), wal: lab.path("wal"), backups: [{ id: "base-1" }] });

    await rm(lab.path("shelf/segments from the primary"), { recursive: true });
    await mkdir(lab.path("alone"));
    await rename(lab.path("shelf/monday"), lab.path("alone/mon'day"));
    await mkdir(lab.path("alone/hollow"));
    await mkdir(lab.path("far/away"), { recursive: true });
    await symlink(lab.path("alone"), lab.path("far/away/backups"));
    const none = await run("init", "far/away/backups", "--out", "far/away");
    expect(none).toMatchObject({ code: 0 });
    expect(none.stdout).toMatch(/WAL archive: none found/u);
    expect(none.stdout).toMatch(/not a backup: BACKUP_\w+ .*hollow/u);
    expect(await readFile(lab.path("far/away/inventory.yaml"), "utf8")).toMatch(/path: \.\/backups\n(?![^]*wal: \.)/u);
  });
});

describe("firedrill.yaml", () => {
  test("gives state, inventory and servers; options come before it", async () => {
    const there = lab.path("configured");
    await mkdir(there);
    const lines = [
      "apiVersion: firedrill/v1",
      "kind: Configuration",
      "state: ./kept",
      "inventory: ../inventory.yaml",
      "pgBin: [./no-server]",
    ];
    await writeFile(join(there, "firedrill.yaml"), `${lines.join("\n")}\n`);
    const here = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: there });
    // A command that makes a state directory where there is none.
    const halt = ["halt", "--all", "--who", "ada", "--reason", "test"];
    expect(await here(...halt)).toMatchObject({ code: 0 });
    expect(existsSync(join(there, "kept/installation.json"))).toBe(true);
    expect(await here("plan", "../playbooks/restore-latest.yaml", "--system", "orders")).toMatchObject({ code: 0 });
    expect(await here(...halt, "--state", "other")).toMatchObject({ code: 0 });
    expect(existsSync(join(there, "other/installation.json"))).toBe(true);
    expect(await firedrill(halt, { cwd: there, env: { FIREDRILL_STATE: "third" } })).toMatchObject({ code: 0 });
    expect(existsSync(join(there, "third/installation.json"))).toBe(true);
    expect(existsSync(join(there, ".firedrill"))).toBe(false);
    await writeFile(join(there, "firedrill.yaml"), `${lines.join("\n")}\nstates: x\nkind: Configuration\n`);
    const bad = await here("list");
    expect(bad).toMatchObject({ code: 2, stdout: "" });
    expect(bad.stderr).toContain('firedrill.yaml:6:1 UNKNOWN_FIELD unknown field "states"');
    expect(bad.stderr).toContain("firedrill.yaml:7:1 YAML_DUPLICATE_KEY");
  });
});
