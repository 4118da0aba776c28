import { planSha256 } from "../drills/plan-sha256.ts";
import type { Definitions, RunStarted } from "../drills/run-event.ts";
import { definitionsOf } from "./definitions.ts";
import { driveRun, type RunHandle, type RunOutcome } from "./drive-run.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { leaseFor, lockForPlan } from "./hold-system.ts";
import { openSession } from "./open-session.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { assertNotHalted } from "./state/halt-requests.ts";
import { reserveRun, type RunSources, writeSources } from "./state/run-directory.ts";
import { holdRun } from "./state/run-hold.ts";
import { lockRun, writeOwner } from "./state/run-owner.ts";
import { runDir } from "./state/state-directory.ts";

export interface RunRequest extends RunSources {
  /** Why this run was started: `manual`, `schedule`, a ticket. */
  readonly trigger: string;
  readonly mode: "real" | "simulated";
  /** Fixes every random choice of the run; drawn when absent. */
  readonly seed?: string;
  /** Name of the system as a person typed or passed it. */
  readonly confirm?: string | null;
}

/** `startRun` and its outcome. */
export async function executeRun(request: RunRequest, deps: EngineDeps): Promise<RunOutcome> {
  return (await startRun(request, deps)).outcome;
}

/**
 * Begins a run: resolves when its folder, lock and journal are there. Throws `HALTED`, `SYSTEM_BUSY`, `STEP_UNKNOWN`,
 * `MACHINE_PLAN`.
 */
export async function startRun(request: RunRequest, deps: EngineDeps): Promise<RunHandle> {
  await assertNotHalted(deps.state.root, deps.files);
  const definitions = definitionsOf(request.plan, deps);
  const systemLock = await lockForPlan(request.plan, deps);
  try {
    return await startHolding(request, definitions, systemLock, deps);
  } catch (error) {
    systemLock?.[Symbol.dispose]();
    throw error;
  }
}

async function startHolding(
  request: RunRequest,
  definitions: Definitions,
  systemLock: HeldLock | null,
  deps: EngineDeps,
): Promise<RunHandle> {
  const { plan } = request;
  const runId = await reserveRun(deps.state.root, deps.clock.wallUs(), deps.random, deps.files);
  const dir = runDir(deps.state.root, runId);
  const lock = await lockRun(dir, deps.files);
  try {
    await writeSources(dir, request, deps.files);
    const { pid, startTicks, bootId, host } = deps.orchestrator;
    const owner = { pid, startTicks, bootId, host, epoch: 1, sinceWallUs: deps.clock.wallUs() };
    await writeOwner(dir, owner, deps.files);
    const lease = await leaseFor(systemLock, { plan, runId }, deps);
    const hold = holdRun(lock, runId, deps.files);
    const open = await openSession({ runId, dir, plan, epoch: 1, hold, lease, journal: null }, deps);
    const started = { type: "run.started", data: { ...runStarted(runId, request, deps), definitions } } as const;
    return driveRun(open, { events: [started], actions: [], attempts: [], deadlines: [] });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function runStarted(runId: string, request: RunRequest, { state, orchestrator, random }: EngineDeps): RunStarted {
  const { host, user, pid, tool } = orchestrator;
  return {
    runId,
    installation: state.installation,
    planSha256: planSha256(request.plan),
    mode: request.mode,
    tool,
    host,
    user,
    pid,
    trigger: request.trigger,
    confirmed: request.confirm ?? null,
    seed: request.seed ?? Buffer.from(random(16)).toString("hex"),
  };
}
