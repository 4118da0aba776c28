import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT } from "../../support/cli-lab.ts";
import { failoverInventory } from "../../support/failover-inventory.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";
import { publishedResult } from "../../support/published-result.ts";

const run = promisify(execFile);
// Inside of the project, where the dependencies are found.
let built = "";
beforeAll(async () => {
  await mkdir(join(PROJECT, ".cache"), { recursive: true });
  built = await mkdtemp(join(PROJECT, ".cache/built-"));
  await copyFile(join(PROJECT, "package.json"), join(built, "package.json"));
  const tsc = join(PROJECT, "node_modules/.bin/tsc");
  await run(tsc, ["-p", "tsconfig.build.json", "--outDir", join(built, "dist")], { cwd: PROJECT });
});
afterAll(() => rm(built, { recursive: true, force: true }));

test("the built program finds its processes: a failover with writers and prober", async () => {
  await using ha = await startHaCluster();
  await writeFile(join(ha.dir, "inventory.yaml"), failoverInventory(ha.system));
  const playbook = join(PROJECT, "playbooks/failover-replica.yaml");
  const args = [join(built, "dist/cli.js"), "run", playbook, "--system", ha.system.name, "--json"];
  const { stdout } = await run(process.execPath, args, { cwd: ha.dir, maxBuffer: 1 << 24 });
  const result = await publishedResult(stdout);
  expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured" });
  expect(result.durations.outageClient).toMatchObject({ status: "measured" });
});
