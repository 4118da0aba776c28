import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { containing, matching } from "../../support/cli-matchers.ts";
import { type CliLab, makeCliLab } from "../../support/cli-lab.ts";
import { type CliEnd, firedrill, followRun } from "../../support/cli-run.ts";
import { openSession } from "../../support/pg-machine.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: lab.dir });
const onlyRun = (state: string): string => readdirSync(lab.path(`${state}/runs`)).join();

/** A backup of the running primary into a folder of its own. */
async function playbook(into: string): Promise<string> {
  const text = `apiVersion: firedrill/v1
kind: Playbook
metadata: { name: take-backup }
phases:
  prepare:
    - { id: take, uses: backup/create, with: { into: ${lab.path(into)}, name: nightly }, timeout: 5m }
  disaster:
    - uses: disaster/declare
  recover:
    - { uses: backup/find, timeout: 1m }
  verify:
    - uses: verify/sql
      with: { on: ${JSON.stringify(lab.primary.database)}, query: select 1, expect: "== 1" }
`;
  await writeFile(lab.path(`${into}.yaml`), text);
  return `${into}.yaml`;
}

async function sql(text: string): Promise<void> {
  await using session = await openSession(lab.primary.database);
  await session.query(text);
}

/** Killed while the server works on the spread checkpoint that the backup begins with: a tenth of a second for each dirty page. */
async function killedInMidBackup(name: string): Promise<void> {
  await sql(`create table ${name} as select g, repeat('x', 500) from generate_series(1, 20000) g`);
  await using drill = followRun([await playbook(name), "--system", "orders", "--state", `${name}-state`], {
    cwd: lab.dir,
  });
  const partial = lab.path(`${name}/nightly.partial`);
  const ended = drill.ended.then((end) => Promise.reject(new Error(`the run ended first: ${JSON.stringify(end)}`)));
  ended.catch(() => undefined);
  while (!existsSync(partial)) await Promise.race([sleep(5), ended]);
  drill.kill("SIGKILL");
  await drill.ended;
}

test("killed in mid-backup: the ledger knows the copy, and clean removes it and what says whose it is", async () => {
  await killedInMidBackup("cleaned");
  expect(readdirSync(lab.path("cleaned")).toSorted()).toEqual(["nightly.partial", "nightly.partial.firedrill.json"]);
  expect(JSON.parse(readFileSync(lab.path("cleaned/nightly.partial.firedrill.json"), "utf8"))).toMatchObject({
    run: onlyRun("cleaned-state"),
    step: "take",
    finished: null,
  });
  const listed: unknown = JSON.parse((await run("list", "--json", "--state", "cleaned-state")).stdout);
  expect(listed).toMatchObject([{ status: "crashed", resources: [{ kind: "backup-directory" }] }]);
  expect(await run("clean", "--state", "cleaned-state")).toMatchObject({
    code: 0,
    stdout: matching(/finished; 0 left behind[^]*clean\n$/u),
  });
  expect(readdirSync(lab.path("cleaned"))).toEqual([]);
});

test("killed in mid-backup, then resumed: it takes over what it had begun, and the finished backup outlives the cleanup", async () => {
  await killedInMidBackup("resumed");
  await sql("checkpoint");
  const { code, stdout, stderr } = await run("resume", onlyRun("resumed-state"), "--state", "resumed-state", "--json");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({
    run: { epochs: 2 },
    cleanup: { status: "verified", resources: [{ state: "destroyed" }, { state: "destroyed" }] },
  });
  expect(readdirSync(lab.path("resumed"))).toEqual(["nightly"]);
  expect(readdirSync(lab.path("resumed/nightly"))).toEqual(expect.arrayContaining(["PG_VERSION", "backup_manifest"]));
});

test("a backup of another run under the same name is left alone, and said so", async () => {
  await killedInMidBackup("taken");
  const other = await run("run", "taken.yaml", "--system", "orders", "--state", "other-state", "--json");
  expect(other.stdout).toContain("BACKUP_EXISTS");
  expect(readdirSync(lab.path("taken"))).toContain("nightly.partial");
  expect(await run("clean", "--state", "other-state")).toMatchObject({ code: 0 });
  expect(readdirSync(lab.path("taken"))).toContain("nightly.partial");
  expect(await run("clean", "--state", "taken-state")).toMatchObject({ code: 0 });
  expect(readdirSync(lab.path("taken"))).toEqual([]);
});

test("a restore of which nothing could be verified passes with deviations only", async () => {
  await lab.primary.stop("fast");
  const dir = await lab.copyTo("bare");
  const args = ["run", "playbooks/restore-latest.yaml", "--system", "orders", "--json"];
  const whole = await firedrill([...args, "--state", "whole"], { cwd: dir });
  expect(JSON.parse(whole.stdout)).toMatchObject({ result: "passed", deviations: [] });
  await rm(join(dir, "backups/base-1/backup_manifest"));
  const bare = await firedrill([...args, "--state", "bare"], { cwd: dir });
  const { result, deviations } = JSON.parse(bare.stdout) as { result: string; deviations: unknown }; // the document's schema
  expect(result).toBe("passed_with_deviations");
  expect(deviations).toEqual([
    { step: "backup", code: "BACKUP_UNVERIFIED", message: containing("no backup_manifest") },
    { step: "restore", code: "BACKUP_UNVERIFIED", message: containing("none of ") },
  ]);
});
