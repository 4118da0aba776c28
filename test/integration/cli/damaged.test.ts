import { readdirSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startRun } from "../../../src/engine/execute-run.ts";
import { firedrill } from "../../support/cli-run.ts";
import { engineBench, requestFor } from "../../support/engine-bench.ts";
import { planOf } from "../../support/engine-plan.ts";
import { useLostRun } from "../../support/lost-run.ts";
import { flipped, type Scene } from "../../support/journal-scene.ts";

const lost = useLostRun();

async function damaged(): Promise<Scene> {
  const one = await lost.scene();
  await writeFile(one.journal, flipped(await one.bytes(), 900, 2));
  return one;
}

const run = (one: Scene, ...args: readonly string[]) => firedrill([...args, "--state", one.state], { cwd: one.world });

describe("a damaged journal", () => {
  test.each(["show", "report", "resume"])("makes `%s` exit 6 and name the record", async (command) => {
    await using one = await damaged();
    const { code, stdout, stderr } = await run(one, command, lost.runId);
    expect([code, stdout]).toEqual([6, ""]);
    expect(stderr).toMatch(/^firedrill: JOURNAL_DAMAGED Record 2 of .*journal\.jsonl is damaged: /u);
    expect(readdirSync(one.dir).includes("quarantine")).toBe(command === "resume");
  });

  test("makes `halt` of that run exit 6: there is nobody who would act on it", async () => {
    await using one = await damaged();
    expect(await run(one, "halt", lost.runId, "--who", "ada", "--reason", "lunch")).toMatchObject({ code: 6 });
  });

  test("is listed, and `status` says what is wrong; both exit 0", async () => {
    await using one = await damaged();
    expect(await run(one, "list")).toMatchObject({ code: 0, stdout: expect.stringContaining("damaged") as unknown });
    const { code, stdout } = await run(one, "status");
    expect([code, stdout]).toEqual([0, expect.stringContaining("Record 2 of ")]);
    expect(readdirSync(one.dir)).not.toContain("quarantine");
  });

  test("makes `clean` exit 6 after it has ended all other runs", async () => {
    await using one = await damaged();
    const other = await lostBeside(one);
    const { code, stdout } = await run(one, "clean");
    expect(code).toBe(6);
    expect(stdout).toContain(`${other}  finished; 0 left behind\n`);
    expect(stdout).toMatch(
      new RegExp(`${lost.runId} {2}NOT finished: JOURNAL_DAMAGED Record 2 .* A copy is kept in `, "u"),
    );
    const [copy = ""] = readdirSync(join(one.dir, "quarantine"));
    expect(await readFile(join(one.dir, "quarantine", copy))).toEqual(await one.bytes());
    expect(await run(one, "clean"), "again").toMatchObject({ code: 6 });
    expect(readdirSync(join(one.dir, "quarantine"))).toEqual([copy]);
  });
});

test("a torn record is told of by `show`, and stays", async () => {
  await using one = await lost.scene();
  await appendFile(one.journal, '{"boot":"half');
  const before = await one.bytes();
  const { code, stdout } = await run(one, "show", lost.runId);
  expect([code, stdout]).toEqual([0, expect.stringContaining("13 bytes of a record that was being written")]);
  expect(await one.bytes()).toEqual(before);
});

/** A second run that lost its orchestrator, of steps that the command line need not know to end it. */
async function lostBeside({ state }: Scene): Promise<string> {
  const crashPoint = (at: string, about: string): void => {
    if (at === "before-append" && about.includes("step.succeeded")) throw new Error("crash");
  };
  await using bench = await engineBench({ stateDir: state, deps: { crashPoint } });
  const handle = await startRun(requestFor(planOf([{ id: "one" }])), bench.deps);
  await handle.outcome.catch(() => undefined);
  return handle.runId;
}
