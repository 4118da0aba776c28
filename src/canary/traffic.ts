import { mkdir } from "node:fs/promises";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import type { PlannedTraffic, Traffic } from "../steps/ports/traffic.ts";
import { endProcesses } from "./end-processes.ts";
import { planTraffic } from "./names.ts";
import { readOutages } from "./outages.ts";
import { pathSpec } from "./path-spec.ts";
import { lastPosition } from "./position.ts";
import { connectForWrites } from "./read-back.ts";
import { settle } from "./settle.ts";
import { nameOf, type Running, type StartDeps, startRole, untilReady } from "./start.ts";
import { makeTables } from "./tables.ts";
import { watchProbes } from "./watch.ts";

/** Canary and prober as processes of their own; all that is known of them is on disk, in their environment and in the table. */
export function createTraffic(deps: StartDeps): Traffic {
  const { clock } = deps;
  return {
    plan: planTraffic,
    prepare: (planned, signal) => prepare(planned, deps, signal),
    start: (planned, signal) => start(planned, deps, signal),
    watch: (traffic) => watchProbes(traffic, clock.bootId),
    async position(traffic) {
      const last = await lastPosition(traffic.dir);
      if (last === null) return null;
      // The wall clock dates only: what it shows now, less the time since.
      const wallUs = clock.wallUs() - (clock.monoUs() - last.monoUs);
      return { lsn: last.lsn, at: { monoUs: last.monoUs, wallUs } };
    },
    async stop({ id, answerTimeoutUs }, what, signal) {
      const politeMs = patienceMs(answerTimeoutUs);
      await endProcesses(what === "all" ? { id } : { id, role: "writer" }, politeMs, signal);
    },
    settle: (traffic, t0, signal) => settle(traffic, t0, deps, signal),
    outages: readOutages,
  };
}

/** Two answers may be under way, and a goodbye. */
function patienceMs(answerTimeoutUs: number): number {
  return Math.ceil((2 * answerTimeoutUs) / 1000) + 2000;
}

async function prepare(planned: PlannedTraffic, { clock, secret }: StartDeps, signal: AbortSignal): Promise<void> {
  await mkdir(planned.dir, { recursive: true });
  const path = await pathSpec(planned.path, planned.connectTimeoutUs, secret);
  const connection = await connectForWrites(path, { clock, application: "firedrill", signal });
  const abort = (): void => connection.drop("stopped");
  signal.addEventListener("abort", abort, { once: true });
  try {
    await makeTables(connection, planned);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    await connection.close();
  }
}

/** A start that does not succeed leaves no process behind. */
async function start(planned: PlannedTraffic, deps: StartDeps, signal: AbortSignal): Promise<TrafficRef> {
  signal.throwIfAborted();
  try {
    const [writer, prober] = await both(startRole(planned, "writer", deps), startRole(planned, "prober", deps));
    await untilReady(planned, { writer, prober }, deps, signal);
    return refOf(planned, writer, prober, deps.clock.bootId);
  } catch (error) {
    await endProcesses(nameOf(planned), patienceMs(planned.answerTimeoutUs), new AbortController().signal);
    throw error;
  }
}

/** Waits for both even when one fails: what began must be there to be ended. */
async function both<T>(one: Promise<T>, other: Promise<T>): Promise<readonly [T, T]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

function refOf(planned: PlannedTraffic, writer: Running, prober: Running, bootId: string): TrafficRef {
  const { id, dir, schema, table, path, writers, intervalUs, payloadBytes, synchronousCommit } = planned;
  const { probeIntervalUs, connectTimeoutUs, answerTimeoutUs } = planned;
  return {
    id,
    dir,
    schema,
    table,
    path,
    writers,
    intervalUs,
    payloadBytes,
    synchronousCommit,
    probeIntervalUs,
    connectTimeoutUs,
    answerTimeoutUs,
    writer: { pid: writer.pid, startTicks: writer.startTicks, bootId },
    prober: { pid: prober.pid, startTicks: prober.startTicks, bootId },
  };
}
