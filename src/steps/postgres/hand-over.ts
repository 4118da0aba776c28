/**
 * The outage of a switchover: from the shutdown of the old primary to the promotion of the new one.
 *
 * Invariants
 *  H1  Nothing is promoted while the old primary runs, or could be started as a primary.
 *  H2  Before the request to promote is sent, every failure brings the old primary back. From then on none does: the request
 *      cannot be taken back, and the fence in the ledger asks the nodes.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { parseLsn } from "../../formats/postgres/lsn.ts";
import type { NodeControl, NodeStopped } from "../ports/node-control.ts";
import type { Rebuilder } from "../ports/rebuild.ts";
import type { PromotedServer, Replication } from "../ports/replication.ts";
import type { Traffic } from "../ports/traffic.ts";
import { type KnownPosition, knownPosition, requireWithinLag } from "./known-position.ts";
import type { SwitchoverPlan } from "./plan-switchover.ts";
import { bytesBehind, compareLsn } from "./wal-distance.ts";

export interface SwitchoverDeps {
  readonly replication: Replication;
  readonly control: NodeControl;
  readonly rebuilder: Rebuilder;
  readonly traffic: Traffic;
}

export interface HandoverWish {
  readonly grace: number;
  readonly force: boolean;
  readonly maxLag: number;
  readonly allowDataLoss: boolean;
  readonly timeout: number;
}

export interface Handover {
  readonly server: PromotedServer;
  /** Newest position known of the old primary. */
  readonly known: KnownPosition;
  /** Its shutdown checkpoint, which the new one has; null when it was killed. */
  readonly shutdownLsn: string | null;
}

export async function handOver(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  plan: SwitchoverPlan,
  wish: HandoverWish,
  ctx: StepContext,
): Promise<Handover> {
  const { control, replication } = deps;
  const { node } = plan.primary;
  const position = await withWayBack(deps, plan, ctx, async () => {
    await control.holdBack(node); // H1
    const stopped = await control.stop(node, "fast", wish.grace, ctx.signal);
    const reached = await requireEverything(deps, system, plan, stopped, wish, ctx);
    await ctx.requireCurrent();
    return reached;
  });
  return { server: await replication.promote(system, plan.target.node, ctx.signal), ...position };
}

/** Throws `SWITCHOVER_NOT_CLEAN`, `SWITCHOVER_INCOMPLETE`, and for a forced one what a failover throws. */
async function requireEverything(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  plan: SwitchoverPlan,
  stopped: NodeStopped,
  wish: HandoverWish,
  ctx: StepContext,
): Promise<Omit<Handover, "server">> {
  if (stopped.kind === "stopped" && stopped.clean && !stopped.forced) {
    await untilReceived(deps, system, plan, stopped.lastCheckpointLsn, wish, ctx);
    return { known: atBegin(plan, ctx), shutdownLsn: stopped.lastCheckpointLsn };
  }
  const { node } = plan.primary;
  const why = stopped.kind === "was_down" ? "was down already" : `did not shut down within ${wish.grace} ms`;
  if (!wish.force) {
    throw new StepError(
      "subject",
      "SWITCHOVER_NOT_CLEAN",
      `${node.name} ${why}, so it is not known that ${plan.target.node.name} has everything`,
      {
        hint: "it is the primary again. What holds it up: an archive_command that fails, a standby that takes nothing? `force: true` promotes all the same",
      },
    );
  }
  await ctx.deviation("SWITCHOVER_FORCED", `${node.name} ${why} and was killed`);
  const known = newest(atBegin(plan, ctx), await knownPosition(deps.traffic, ctx));
  requireWithinLag(plan.target.node.name, await receivedBy(deps, system, plan, wish, ctx), known, wish);
  return { known, shutdownLsn: null };
}

/** As of when the target was chosen: the candidates' positions are of the same moment. */
function atBegin({ primary }: SwitchoverPlan, { clock }: StepContext): KnownPosition {
  return { lsn: primary.lsn, from: "primary", ageUs: clock.monoUs() - primary.at.monoUs };
}

function newest(one: KnownPosition, other: KnownPosition | null): KnownPosition {
  return other !== null && compareLsn(other.lsn, one.lsn) > 0 ? other : one;
}

const LOOK_MS = 5;
/** Its sender ended only after it had confirmed everything; what is looked for longer than this never comes. */
const RECEIVED_WITHIN_MS = 2000;

/** The last record of an orderly shutdown is its checkpoint: who has received past its begin has all of it (walsender.c, WalSndDone). */
async function untilReceived(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  plan: SwitchoverPlan,
  checkpointLsn: string,
  wish: HandoverWish,
  ctx: StepContext,
): Promise<void> {
  const lastUs = ctx.clock.monoUs() + RECEIVED_WITHIN_MS * 1000;
  for (;;) {
    const received = await receivedBy(deps, system, plan, wish, ctx);
    if (received !== null && parseLsn(received) > parseLsn(checkpointLsn)) return;
    if (ctx.clock.monoUs() > lastUs) throw incomplete(plan, checkpointLsn, received);
    await delay(LOOK_MS, undefined, { signal: ctx.signal });
  }
}

async function receivedBy(
  { replication }: SwitchoverDeps,
  system: SystemSnapshot,
  { target }: SwitchoverPlan,
  { timeout }: HandoverWish,
  { signal }: StepContext,
): Promise<string | null> {
  const [view] = await replication.observe(system, [target.node], { timeoutMs: timeout, signal });
  return view?.kind === "standby" ? view.receivedLsn : null;
}

function incomplete({ primary, target }: SwitchoverPlan, checkpointLsn: string, received: string | null): StepError {
  const missing = bytesBehind(checkpointLsn, received);
  const how = received === null ? "does not answer" : `has received ${received} only, ${missing ?? 0} bytes less`;
  return new StepError(
    "subject",
    "SWITCHOVER_INCOMPLETE",
    `${primary.node.name} ended at ${checkpointLsn} and ${target.node.name} ${how}: nothing was promoted`,
    { hint: `${primary.node.name} is the primary again; why did its standby not receive the rest?` },
  );
}

const WAY_BACK_MS = 10 * 60_000;

/** After an abort it is the ledger's to undo: its cleanup follows at once. */
async function withWayBack<T>(
  { control }: SwitchoverDeps,
  { primary: { node } }: SwitchoverPlan,
  { signal }: StepContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw error;
    await control.letGo(node); // H2
    await control
      .start(node, AbortSignal.any([signal, AbortSignal.timeout(WAY_BACK_MS)]))
      .catch((failed: unknown) => Promise.reject(noWayBack(node, error, failed)));
    throw error;
  }
}

function noWayBack({ name }: NodeSpec, first: unknown, then: unknown): StepError {
  const [why, what] = [first, then].map((error) => (error instanceof Error ? error.message : String(error)));
  return new StepError(
    "permanent",
    "SWITCHOVER_STUCK",
    `nothing was promoted (${why}), and ${name} did not come back as the primary: ${what}`,
    {
      hint: `start ${name} by hand: it has all the data; the system has no primary`,
      cause: then,
    },
  );
}
