import { readdirSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCliLab } from "./cli-lab.ts";
import { type CliEvent, firedrill, followRun } from "./cli-run.ts";
import { failoverDesk, shipped } from "./failover-run.ts";
import { startHaCluster } from "./ha-cluster.ts";
import type { Places } from "./golden-neutral.ts";

export interface RealRun {
  readonly name: string;
  readonly dir: string;
  readonly places: Places;
}

type Keep = (run: RealRun) => Promise<void>;

/** Drills on real PostgreSQL, each handed over while its files are there. */
export async function realRuns(keep: Keep): Promise<void> {
  await demoRuns(keep);
  await restoreRuns(keep);
  await failoverRuns(keep);
}

/** In the order in which the demo tells them. */
const DEMO = ["restore-passed", "restore-damaged-file", "restore-missing-wal", "failover-passed", "failover-with-loss"];

async function demoRuns(keep: Keep): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "firedrill-golden-"));
  // The user that servers run as must get through.
  await chmod(home, 0o755);
  try {
    const { code, stderr } = await firedrill(["demo", "--rows", "2000", "--state", "state"], { cwd: home });
    if (code !== 0) throw new Error(`the demo ended with ${String(code)}: ${stderr}`);
    const runs = join(home, "state/demo/runs");
    for (const [index, id] of readdirSync(runs).toSorted().entries())
      await keep({ name: DEMO[index] ?? id, dir: join(runs, id), places: { [home]: "/srv/drills" } });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const started =
  (step: string) =>
  (event: CliEvent): boolean =>
    event.type === "step.started" && event.data["step"] === step;

/** One that a person stops with Ctrl-C, and one whose orchestrator dies at work and is resumed. */
async function restoreRuns(keep: Keep): Promise<void> {
  await using lab = await makeCliLab();
  const places = { [lab.dir]: "/srv/drills" };
  for (const how of ["restore-aborted", "restore-resumed"] as const) {
    const options = { cwd: lab.dir };
    const state = join(lab.dir, how);
    await using run = followRun(["playbooks/restore-latest.yaml", "--system", "orders", "--state", how], options);
    await run.until(started("restore"));
    run.kill(how === "restore-aborted" ? "SIGINT" : "SIGKILL");
    await run.ended;
    const [id = ""] = readdirSync(join(state, "runs"));
    if (how === "restore-resumed") await firedrill(["resume", id, "--state", how], options);
    await keep({ name: how, dir: join(state, "runs", id), places });
  }
}

/** A failover whose orchestrator dies while it promotes and is resumed. */
async function failoverRuns(keep: Keep): Promise<void> {
  const settings = { track_commit_timestamp: "on", wal_retrieve_retry_interval: "100ms" };
  await using ha = await startHaCluster({ names: ["a", "b"], settings });
  const book = (await shipped("failover-replica")).replace(
    "replicas",
    "id: replicas",
    "uses: postgres/replica-status",
    "with: { minStandbys: 1, within: 30s }",
  );
  const desk = await failoverDesk(ha, book);
  await using run = desk.start();
  await run.until(started("promote"));
  run.kill("SIGKILL");
  await run.ended;
  await desk.firedrill("resume", desk.runId());
  await keep({ name: "failover-resumed", dir: desk.runDir(), places: { [ha.dir]: "/srv/drills" } });
}
