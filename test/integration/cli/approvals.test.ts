import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliLab, makeCliLab } from "../../support/cli-lab.ts";
import { containing, listWith, objectWith } from "../../support/cli-matchers.ts";
import { type CliEnd, type CliEvent, firedrill, followRun, startFiredrill } from "../../support/cli-run.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
  await lab.primary.stop("fast");
  await writeFile(lab.path("asking.yaml"), ASKING);
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Restores after somebody has said so. */
const ASKING = `apiVersion: firedrill/v1
kind: Playbook
metadata: { name: asking }
phases:
  prepare:
    - { id: backup, uses: backup/find, with: { select: newest } }
  disaster:
    - uses: disaster/declare
    - { id: go, uses: approval, with: { question: Restore it?, role: on-call, timeout: 5m } }
  recover:
    - { id: sandbox, uses: sandbox/create, with: { kind: process, ttl: 10m } }
    - id: restore
      uses: postgres/restore
      with:
        backup: "\${{ steps.backup.outputs.backup }}"
        into: "\${{ steps.sandbox.outputs.sandbox }}"
        durability: throwaway
      timeout: 5m
  verify:
    - { uses: verify/sql, with: { on: "\${{ steps.restore.outputs.database }}", query: select 1, expect: "1" } }
`;

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: lab.dir });
const follow = (state: string) => followRun(["asking.yaml", "--system", "orders", "--state", state], { cwd: lab.dir });
const asked = (event: CliEvent): boolean => event.type === "step.started" && event.data["step"] === "go";

interface Waiting {
  readonly run: string;
  readonly step: string;
  readonly asked: { readonly monoUs: number };
}

/** Asks again until the question is there: the step says that it has begun right before it puts it. */
async function waiting(state: string): Promise<Waiting> {
  for (;;) {
    // Our own command's own form.
    const [first] = JSON.parse((await run("approve", "--json", "--state", state)).stdout) as readonly Waiting[];
    if (first !== undefined) return first;
  }
}

test("a run waits for `firedrill approve`, says how to answer, and goes on", async () => {
  expect((await run("approve", "--state", "yes")).stdout).toBe("nothing waits for an approval\n");
  await using drill = follow("yes");
  await drill.until(asked);
  const question = await waiting("yes");
  expect((await run("approve", "--state", "yes")).stdout).toContain("Restore it?, asked of on-call, plan ");
  const approve = ["approve", question.run, "--state", "yes", "--as", "Ada Lovelace", "--comment", "go ahead"];
  expect(await run(...approve)).toMatchObject({ code: 0, stdout: containing("approved: Restore it? (go of ") });
  const { code, stderr } = await drill.ended;
  expect([code, stderr]).toEqual([0, containing(`firedrill approve ${question.run} --step go`)]);
  const result: unknown = JSON.parse(readFileSync(lab.path(`yes/runs/${question.run}/result.json`), "utf8"));
  expect(result).toMatchObject({ marks: listWith(objectWith({ mark: "T2", source: "approval" })) });
  expect(await run(...approve)).toMatchObject({ code: 2, stderr: containing("RUN_FINISHED") });
});

test("declined: the run stops into its cleanup and exits 4, with who and why", async () => {
  await using drill = follow("no");
  await drill.until(asked);
  const question = await waiting("no");
  expect(await run("approve", question.run, "--state", "no", "--step", "other")).toMatchObject({
    code: 2,
    stderr: containing("APPROVAL_NOTHING"),
  });
  await run("approve", question.run, "--state", "no", "--decline", "--as", "bob", "--comment", "change freeze");
  expect((await drill.ended).code).toBe(4);
  expect((await run("show", "--state", "no")).stdout).toContain(
    "go was declined by bob, asked as on-call: change freeze",
  );
});

test("killed while it waits, it is resumed and waits on from when it first asked", async () => {
  await using drill = follow("kill");
  await drill.until(asked);
  const before = await waiting("kill");
  drill.kill("SIGKILL");
  await drill.ended;
  await using resumed = startFiredrill(["resume", before.run, "--state", "kill"], { cwd: lab.dir });
  expect(await waiting("kill")).toEqual(before);
  await run("approve", before.run, "--state", "kill", "--as", "ada");
  expect((await resumed.ended).code).toBe(0);
});

test("Ctrl-C while it waits stops it into its cleanup", async () => {
  await using drill = follow("stop");
  await drill.until(asked);
  const question = await waiting("stop");
  drill.kill("SIGINT");
  expect((await drill.ended).code).toBe(4);
  expect(await run("approve", question.run, "--state", "stop")).toMatchObject({ code: 2 });
});
