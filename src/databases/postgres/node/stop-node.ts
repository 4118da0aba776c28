import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../../drills/step-error.ts";
import { formatLsn } from "../../../formats/postgres/lsn.ts";
import type { NodeStopped } from "../../../steps/ports/node-control.ts";
import { instant } from "../../../support/clock.ts";
import { controlFileOf } from "../control-file-of.ts";
import type { NodeControlDeps } from "./node-control.ts";
import { nodeLogPath } from "./node-log.ts";
import { type ServerProcesses, serverProcesses } from "./node-processes.ts";
import type { NodePlace } from "./node-place.ts";
import type { ProcEntry } from "./proc-entry.ts";
import { argvError, runArgv } from "./run-argv.ts";
import { inOrder, killAll, send } from "./signal-all.ts";
import { supervisorOf } from "./supervisor.ts";

export interface StopRequest {
  readonly mode: "fast" | "immediate";
  readonly graceMs: number;
}

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;
const POLL_MS = 5;

/** A frozen server is never woken up for it, as it would serve for a moment: it is killed. */
export async function stopNode(
  place: NodePlace,
  request: StopRequest,
  deps: NodeControlDeps,
  signal: AbortSignal,
): Promise<NodeStopped> {
  const before = await serverProcesses(place);
  const all = inOrder({ server: before, supervisor: null });
  if (all.length === 0) return { kind: "was_down" };
  const supervisor = await supervisorOf(place.node);
  if (supervisor !== null) refuseSupervised(place, supervisor);
  const begun = instant(deps.clock);
  const frozen = all.some(({ state }) => state === "T");
  const inTime = !frozen && request.graceMs > 0 && (await stopWithin(place, before, request, deps, signal));
  if (!inTime) await killAll(place, { server: await serverProcesses(place), supervisor: null }, deps.clock, signal);
  // Else what keeps the server running would take the kill for a crash and start it again.
  const killedAtOnce = frozen || request.graceMs === 0;
  if (killedAtOnce && place.node.stop !== null) await runStop(place, place.node.stop, request.graceMs, deps, signal);
  const done = instant(deps.clock);
  return { kind: "stopped", forced: !inTime, ...(await lastState(place)), begun, done };
}

/** One that is frozen starts nothing. */
function refuseSupervised({ node }: NodePlace, supervisor: ProcEntry): void {
  if (node.stop !== null || supervisor.state === "T") return;
  throw new StepError(
    "permanent",
    "NODE_SUPERVISOR",
    `${node.name} is kept running by process ${supervisor.pid}, which would start it again`,
    { hint: "give the node's `stop:` in the inventory, such as [systemctl, stop, patroni]" },
  );
}

/** False when it still runs after its grace. */
async function stopWithin(
  place: NodePlace,
  { postmaster }: ServerProcesses,
  { mode, graceMs }: StopRequest,
  deps: NodeControlDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMonoUs = deps.clock.monoUs() + graceMs * 1000;
  if (place.node.stop !== null) await runStop(place, place.node.stop, graceMs, deps, signal);
  else if (postmaster !== null) send(postmaster, SIGNALS[mode], place.node);
  while (deps.clock.monoUs() < deadlineMonoUs) {
    signal.throwIfAborted();
    if (await isDown(place)) return true;
    await delay(POLL_MS);
  }
  return isDown(place);
}

async function runStop(
  place: NodePlace,
  argv: readonly string[],
  graceMs: number,
  deps: NodeControlDeps,
  signal: AbortSignal,
): Promise<void> {
  const logPath = nodeLogPath(deps.logDir, place);
  const env = { LC_ALL: "C", PATH: deps.path };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(graceMs, 1000))]);
  const end = await runArgv({ argv, env, logPath }, limit);
  signal.throwIfAborted();
  if (end.kind !== "failed" || (await isDown(place))) return;
  throw await argvError("NODE_STOP", `${place.node.name} was not stopped: ${end.why}`, logPath);
}

async function isDown(place: NodePlace): Promise<boolean> {
  return inOrder({ server: await serverProcesses(place), supervisor: null }).length === 0;
}

async function lastState({
  dataDir,
}: NodePlace): Promise<{ readonly clean: boolean; readonly lastCheckpointLsn: string }> {
  const control = await controlFileOf(dataDir);
  const clean = control.state === "shut down" || control.state === "shut down in recovery";
  return { clean, lastCheckpointLsn: formatLsn(control.checkpointLsn) };
}
