import { existsSync } from "node:fs";
import { glob, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containing } from "../../support/cli-matchers.ts";
import { type CliLab, makeCliLab, PROJECT } from "../../support/cli-lab.ts";
import { type CliEnd, eventSchema, firedrill, leftIn, NOTHING } from "../../support/cli-run.ts";
import { publishedResult } from "../../support/published-result.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
  await lab.primary.stop("fast");
});
afterAll(() => lab[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: lab.dir });
const drill = (playbook: string, ...args: readonly string[]): Promise<CliEnd> =>
  run("run", `playbooks/${playbook}.yaml`, "--system", "orders", ...args);

const DRILLS = ["cli/drills", "cli/failover-drills", "patroni/drills"];

test("every playbook in playbooks/ is run by a test", async () => {
  const file = (name: string): string => join(PROJECT, `test/integration/${name}.test.ts`);
  const source = (await Promise.all(DRILLS.map((name) => readFile(file(name), "utf8")))).join("");
  const names = (await readdir(join(PROJECT, "playbooks"))).map((name) => name.replace(/\.yaml$/u, ""));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(source).toContain(`drill("${name}"`);
});

describe("restore-latest", () => {
  test("passes; events are NDJSON, and the run can be shown, listed and reported afterwards", async () => {
    const { code, stdout, stderr } = await drill("restore-latest", "--events", "--trigger", "a test");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => eventSchema.parse(JSON.parse(line)));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events[0]?.type).toBe("run.started");
    expect(events.at(-1)?.type).toBe("run.finished");
    expect(stderr).toContain("step restore done");

    const shown = await run("show", "latest", "--json");
    const result = await publishedResult(shown.stdout);
    expect(result).toMatchObject({
      result: "passed",
      exitCode: 0,
      run: { trigger: "a test", system: { name: "orders" } },
    });
    expect(result.objectives.rpo).toMatchObject({ verdict: "met", compared: "newest_survivor_age", basis: "measured" });
    const folder = lab.path(`.firedrill/runs/${result.run.id}`);
    expect(await publishedResult(await readFile(join(folder, "result.json"), "utf8"))).toEqual(result);

    expect((await run("show")).stdout).toMatch(/^PASSED /u);
    const listed: unknown = JSON.parse((await run("list", "--json")).stdout);
    expect(listed).toMatchObject([{ runId: result.run.id, status: "finished", result: "passed", exitCode: 0 }]);
    const report = await run("report", "latest", "--out", "out.html");
    expect(report).toMatchObject({ code: 0, stdout: `${lab.path("out.html")}\n` });
    expect(await readFile(lab.path("out.html"), "utf8")).toMatch(/^<!doctype html>/iu);
    const again = await run("resume", result.run.id);
    expect(again).toMatchObject({ code: 2, stderr: containing("RUN_FINISHED") });
    expect(leftIn(lab.path(".firedrill"))).toEqual(NOTHING);
  });

  test("goes red on a damaged backup, and says which file", async () => {
    const damaged = await lab.copyTo("damaged");
    const file = await flipByte(join(damaged, "backups/base-1"));
    const options = { cwd: damaged };
    const end = await firedrill(["run", "playbooks/restore-latest.yaml", "--system", "orders"], options);
    expect(end.code).toBe(1);
    expect(end.stdout).toMatch(/^FAILED /u);
    expect(end.stdout).toContain(file);
    expect(existsSync(/^report: (.*)$/mu.exec(end.stdout)?.[1] ?? "")).toBe(true);
    expect(leftIn(join(damaged, ".firedrill"))).toEqual(NOTHING);
  });
});

test("restore-random passes; --json prints one document and no word besides", async () => {
  const { code, stdout } = await drill("restore-random", "--json", "--state", "random");
  expect(code).toBe(0);
  expect(await publishedResult(stdout)).toMatchObject({
    result: "passed",
    observed: { source: { backupId: "base-1" } },
  });
});

test("restore-to-time stops at the moment it is given", async () => {
  const args = ["--param", `until=${lab.moment}`, "--json", "--state", "to-time"];
  const { code, stdout } = await drill("restore-to-time", ...args);
  expect(code).toBe(0);
  const result = await publishedResult(stdout);
  const rows = result.checks.find((check) => check.step === "rows");
  expect(rows?.actual).toContain("1000 rows");
  const late = await drill("restore-to-time", "--param", "until=2099-01-01T00:00:00Z", "--state", "to-time");
  expect(late.code).toBe(1);
  expect(late.stdout).toContain("RECOVERY_TARGET_NOT_REACHED");
});

test("--objectives warn forgives a missed objective, not in the result", async () => {
  const strict = await readFile(lab.path("playbooks/restore-random.yaml"), "utf8");
  const path = lab.path("strict.yaml");
  await writeFile(path, strict.replace("rto: 1h", "rto: 1ms"));
  const { code, stdout } = await run(
    "run",
    "strict.yaml",
    "--system",
    "orders",
    "--objectives",
    "warn",
    "--json",
    "--state",
    "warn",
  );
  expect({ code, result: (await publishedResult(stdout)).result }).toEqual({ code: 0, result: "failed" });
});

/** The middle of the largest file of the backup; returns its path below the backup. */
async function flipByte(backup: string): Promise<string> {
  let largest = { path: "", size: 0 };
  for await (const path of glob("base/*/*", { cwd: backup })) {
    const { size } = await stat(join(backup, path));
    if (size > largest.size) largest = { path, size };
  }
  await using file = await open(join(backup, largest.path), "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, Math.floor(largest.size / 2));
  await file.write(Buffer.from([byte.readUInt8(0) ^ 0xff]), 0, 1, Math.floor(largest.size / 2));
  return largest.path;
}
