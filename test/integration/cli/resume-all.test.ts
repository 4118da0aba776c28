import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { firedrill } from "../../support/cli-run.ts";
import { planOf } from "../../support/engine-plan.ts";

const CHILD = fileURLToPath(new URL("../../support/keeper-child.ts", import.meta.url));

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "firedrill-resume-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const state = (): string => join(dir, "state");
const run = (...args: readonly string[]) => firedrill([...args, "--state", state()], { cwd: dir });

/** A run whose orchestrator kills itself after its disaster was declared. */
async function crashed(): Promise<string> {
  const before = existsSync(join(state(), "runs")) ? readdirSync(join(state(), "runs")) : [];
  const settings = { stateDir: state(), pgBin: null, logLevel: "warn", env: {}, baseDir: dir };
  const plan = planOf([{ id: "declare", phase: "disaster", uses: "disaster/declare" }]);
  const order = { settings, plan, stage: "before-append", type: "step.succeeded", count: 1 };
  const child = spawn(process.execPath, ["--no-warnings", CHILD, JSON.stringify(order)], { stdio: "inherit" });
  await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return readdirSync(join(state(), "runs")).find((id) => !before.includes(id)) ?? "";
}

test.each([
  ["neither a run nor --all", ["resume"], "USAGE"],
  ["a run and --all", ["resume", "20200101-000000-aaaa", "--all"], "USAGE"],
  ["--take-over of all", ["resume", "--all", "--take-over", "--who", "ada", "--reason", "x"], "USAGE"],
  ["--take-over without a name", ["resume", "20200101-000000-aaaa", "--take-over"], "HALT_WHO_AND_WHY"],
  ["a limit of none", ["resume", "--all", "--limit", "0"], "USAGE"],
])("%s is refused", async (_, args, code) => {
  const { code: exit, stderr } = await run(...args);
  expect([exit, stderr]).toEqual([2, expect.stringContaining(code)]);
  expect(existsSync(state())).toBe(false);
});

test("resume --all goes on with what was lost, writes the reports, and says what could not go on", async () => {
  expect(await run("resume", "--all")).toMatchObject({ code: 0, stdout: "no run has lost its orchestrator\n" });
  const [good, other] = [await crashed(), await crashed()];
  const journal = join(state(), "runs", other, "journal.jsonl");
  writeFileSync(journal, readFileSync(journal, "utf8").replace('"mode":"real"', '"mode":"simulated"'));

  const { code, stdout } = await run("resume", "--all");
  expect(code).toBe(6);
  const lines = stdout.trim().split("\n").toSorted();
  const ids = [good, other].toSorted();
  expect(lines).toHaveLength(2);
  expect(lines[ids.indexOf(good)]).toBe(`${good}  inconclusive`);
  expect(lines[ids.indexOf(other)]).toContain(`${other}  NOT resumed: JOURNAL_DAMAGED`);
  expect(existsSync(join(state(), "runs", good, "report.html"))).toBe(true);

  const again = await run("resume", "--all", "--json");
  expect(JSON.parse(again.stdout)).toMatchObject([{ kind: "failed", runId: other, code: "JOURNAL_DAMAGED" }]);
});
