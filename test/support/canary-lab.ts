import { mkdtempSync, readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMarked } from "../../src/canary/marked-processes.ts";
import { createTraffic } from "../../src/canary/traffic.ts";
import { clientPathOf } from "../../src/drills/node-database.ts";
import type { PlannedTraffic, Traffic, TrafficRequest } from "../../src/steps/ports/traffic.ts";
import { type FoundProcess, findProcesses, killFound } from "../../src/support/processes.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { sandboxIds } from "./pg-machine.ts";

export const readSecret = async (ref: string): Promise<string> =>
  (await readFile(ref.replace(/^file:/u, ""), "utf8")).trim();

export const canaryClock = systemClock();
export const canaryDeps = { clock: canaryClock, secret: readSecret };

/** A folder of a run and the traffic that belongs to it; whatever still runs at the end is killed. */
export interface CanaryLab extends AsyncDisposable {
  readonly traffic: Traffic;
  readonly runDir: string;
  readonly installation: string;
  plan(request?: Partial<TrafficRequest>): PlannedTraffic;
}

let labs = 0;

export function canaryLab({ system }: HaCluster): CanaryLab {
  const runDir = mkdtempSync(join(tmpdir(), "firedrill-canary-"));
  labs += 1;
  const installation = `test-${process.pid}-${labs}`;
  const traffic = createTraffic(canaryDeps);
  return {
    traffic,
    runDir,
    installation,
    plan: (request = {}) =>
      traffic.plan({
        runId: "run-1",
        runDir,
        installation,
        step: "traffic",
        path: clientPathOf(system),
        writers: 2,
        intervalUs: 5000,
        payloadBytes: 64,
        synchronousCommit: null,
        probeIntervalUs: 10_000,
        connectTimeoutUs: 500_000,
        answerTimeoutUs: 1_000_000,
        ttlMs: 60_000,
        ...request,
      }),
    async [Symbol.asyncDispose]() {
      for (const found of findMarked({ installation })) killFound(found);
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

function dataDirOf({ system }: HaCluster, node: string): string {
  return system.nodes.find(({ name }) => name === node)?.dataDir ?? "";
}

/** Pid of a node's postmaster. */
export function postmasterOf(ha: HaCluster, node: string): number {
  return Number(readFileSync(join(dataDirOf(ha, node), "postmaster.pid"), "utf8").split("\n")[0]);
}

/** Everything that runs for a node. */
export function processesOf(ha: HaCluster, node: string): readonly FoundProcess[] {
  return findProcesses({ dir: dataDirOf(ha, node), marker: null, uid: sandboxIds.uid }).found;
}

/** The standby keeps what it has and gets no more. */
export async function cutReplication(ha: HaCluster, standby: string): Promise<void> {
  await using session = await ha.session(standby);
  await session.query("alter system set primary_conninfo = ''");
  await session.query("select pg_reload_conf()");
  await until(async () => (await session.query("select from pg_stat_wal_receiver")).length === 0);
}

/** Asks until it is so; the test's own time limit is the limit. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setImmediate(resolve));
}
