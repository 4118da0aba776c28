import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { containing, listWith, matching, objectWith } from "../../support/cli-matchers.ts";
import { type CliLab, makeCliLab } from "../../support/cli-lab.ts";
import { type CliEnd, type CliEvent, firedrill, followRun, leftIn, NOTHING } from "../../support/cli-run.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
  await lab.primary.stop("fast");
  await writeFile(lab.path("slow.yaml"), SLOW);
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Its only check asks a server that answers after a minute: whoever stops it meets a running server. */
const SLOW = `apiVersion: firedrill/v1
kind: Playbook
metadata: { name: slow }
phases:
  prepare:
    - { id: backup, uses: backup/find, with: { select: newest } }
  disaster:
    - uses: disaster/declare
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
    - id: ask
      uses: verify/sql
      with: { on: "\${{ steps.restore.outputs.database }}", query: select 1 from pg_sleep(60), expect: "== 1", timeout: 2m }
      timeout: 2m
`;

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: lab.dir });
const started =
  (step: string) =>
  (event: CliEvent): boolean =>
    event.type === "step.started" && event.data["step"] === step;
const onlyRun = (state: string): string => readdirSync(lab.path(`${state}/runs`)).join();

async function status(state: string): Promise<unknown> {
  const listed: unknown = JSON.parse((await run("list", "--json", "--state", state)).stdout);
  return Array.isArray(listed) ? listed : [];
}

test("killed while it restores: list shows the crash, clean leaves no process and no folder", async () => {
  await using drill = followRun(["playbooks/restore-random.yaml", "--system", "orders", "--state", "kill"], {
    cwd: lab.dir,
  });
  await drill.until(started("restore"));
  drill.kill("SIGKILL");
  await drill.ended;
  expect(await status("kill")).toMatchObject([{ status: "crashed", resources: [{ kind: "sandbox-process" }] }]);
  expect((await run("status", "--state", "kill")).stdout).toContain(`firedrill resume ${onlyRun("kill")}`);
  const cleaned = await run("clean", "--state", "kill");
  expect(cleaned).toMatchObject({ code: 0, stdout: matching(/finished; 0 left behind[^]*clean\n$/u) });
  expect(leftIn(lab.path("kill"))).toEqual(NOTHING);
  expect(await status("kill")).toMatchObject([{ status: "finished", result: "aborted", resources: [] }]);
});

test("killed while it restores, then resumed: it finishes and passes", async () => {
  await using drill = followRun(["playbooks/restore-random.yaml", "--system", "orders", "--state", "resume"], {
    cwd: lab.dir,
  });
  await drill.until(started("restore"));
  drill.kill("SIGKILL");
  await drill.ended;
  const { code, stdout } = await run("resume", onlyRun("resume"), "--state", "resume", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ exitCode: 0, run: { epochs: 2 }, cleanup: { status: "verified" } });
  expect(leftIn(lab.path("resume"))).toEqual(NOTHING);
});

test("halt stops a run into its cleanup within five seconds", async () => {
  await using drill = followRun(["slow.yaml", "--system", "orders", "--state", "halt"], { cwd: lab.dir });
  await drill.until(started("ask"));
  const other = await run("resume", onlyRun("halt"), "--state", "halt");
  expect(other).toMatchObject({ code: 2, stderr: containing("RUN_LOCKED") });
  const asked = await run("halt", onlyRun("halt"), "--who", "ada", "--reason", "lunch", "--state", "halt");
  expect(asked).toMatchObject({ code: 0, stdout: containing("is asked to stop") });
  const askedAt = performance.now();
  const halted = await drill.until((event) => event.type === "run.halted");
  expect(performance.now() - askedAt).toBeLessThan(5000);
  expect(halted.data).toMatchObject({ who: "ada", reason: "lunch" });
  expect(await drill.ended).toMatchObject({ code: 4 });
  expect(leftIn(lab.path("halt"))).toEqual(NOTHING);
});

test("Ctrl-C stops it into its cleanup: exit 4, nothing left; another run beside it is not disturbed", async () => {
  const beside = run("run", "playbooks/restore-latest.yaml", "--system", "orders", "--state", "both", "--json");
  await using drill = followRun(["slow.yaml", "--system", "orders", "--state", "both"], { cwd: lab.dir });
  await drill.until(started("ask"));
  drill.kill("SIGINT");
  expect(await drill.ended).toMatchObject({ code: 4 });
  const other = await beside;
  expect(other.code).toBe(0);
  expect(JSON.parse(other.stdout)).toMatchObject({ result: "passed", cleanup: { status: "verified" } });
  expect(await status("both")).toEqual(
    listWith(objectWith({ name: "slow", result: "aborted" }), objectWith({ name: "restore-latest", result: "passed" })),
  );
  expect(leftIn(lab.path("both"))).toEqual(NOTHING);
});

test("two runs at the same time, of the same backup in the same state directory, both pass", async () => {
  const args = ["run", "playbooks/restore-random.yaml", "--system", "orders", "--state", "two", "--json"] as const;
  const ends = await Promise.all([run(...args), run(...args)]);
  expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toMatchObject([{ code: 0 }, { code: 0 }]);
  expect(leftIn(lab.path("two"))).toEqual(NOTHING);
});
