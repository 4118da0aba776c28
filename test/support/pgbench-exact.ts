import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { createPgbenchLab, distributionBin, inventoryText, type RunningLab } from "../../bench/support/pgbench-lab.ts";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { PROJECT } from "./cli-lab.ts";
import { firedrill } from "./cli-run.ts";

/** Why `restoreExactly` cannot run here, or undefined. */
export function lacksPgbench(): string | undefined {
  return distributionBin() === null ? "needs a packaged PostgreSQL with pgbench and pg_basebackup" : undefined;
}

/**
 * pgbench data, a backup by the real `pg_basebackup`, an archive by `archive_command`, the primary lost: the drill must
 * reach the last archived commit to the microsecond, and every row must be as it was.
 */
export async function restoreExactly(scale: number, seconds: number): Promise<RunResult> {
  using lab = await createPgbenchLab(scale, { seconds, beforeStop: takeFingerprint });
  writeFileSync(join(lab.dir, "inventory.yaml"), inventoryText(lab));
  const playbook = join(PROJECT, "bench/fixtures/restore-exact.yaml");
  const args = ["run", playbook, "--inventory", "inventory.yaml", "--system", "bench", "--pg-bin", lab.bin, "--json"];
  const { code, stdout, stderr } = await firedrill([...args, "--param", "baseline=baseline.json"], { cwd: lab.dir });
  expect(code, stderr).toBe(0);
  const result: RunResult = runResultSchema.parse(JSON.parse(stdout));
  expect(result.observed.recoveryPoint?.commitWallUs).toBe(lab.lastCommit.wallUs);
  expect(result.checks.map(({ step, status }) => [step, status])).toEqual([
    ["content", "passed"],
    ["definitions", "passed"],
  ]);
  return result;
}

/** What the primary held at its last commit, read through Firedrill itself before the primary is lost. */
async function takeFingerprint({ dir, socketDir, port }: RunningLab): Promise<void> {
  const system = {
    name: "bench",
    engine: "postgresql",
    environment: "test",
    endpoints: { primary: { host: socketDir, port } },
    credentials: { user: "postgres", database: "postgres" },
  };
  writeFileSync(
    join(dir, "live.yaml"),
    JSON.stringify({ apiVersion: "firedrill/v1", kind: "Inventory", systems: [system] }),
  );
  const args = ["fingerprint", "--inventory", "live.yaml", "--system", "bench", "--out", "baseline.json"];
  const { code, stderr } = await firedrill(args, { cwd: dir });
  expect(code, stderr).toBe(0);
}
