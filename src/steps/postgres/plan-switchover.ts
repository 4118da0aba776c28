import type { SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { formatBytes } from "../../support/format.ts";
import type { NodeView, PrimaryView, StandbyView } from "../ports/replication.ts";
import { type Candidate, chooseStandby } from "./choose-standby.ts";
import { listed } from "./listed.ts";
import { type OwnDataDeps, requireOwnData } from "./require-own-data.ts";
import { nodeNamed } from "./system-nodes.ts";
import { bytesBehind } from "./wal-distance.ts";

export interface SwitchoverPlan {
  readonly views: readonly NodeView[];
  readonly primary: PrimaryView;
  readonly target: StandbyView;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
}

export interface SwitchoverWish {
  readonly to: string;
  readonly maxLag: number;
  readonly timeout: number;
}

/** Before anything is touched. Throws `SWITCHOVER_NO_PRIMARY`, `SWITCHOVER_NOT_READY`, `PROMOTE_NO_STANDBY`, `PROMOTE_UNFIT`, `NODE_NOT_LOCAL`, `NODE_MISMATCH`. */
export async function planSwitchover(
  deps: OwnDataDeps,
  system: SystemSnapshot,
  wish: SwitchoverWish,
  { signal }: StepContext,
): Promise<SwitchoverPlan> {
  const views = await deps.replication.observe(system, system.nodes, { timeoutMs: wish.timeout, signal });
  const primary = onePrimary(views);
  const wanted = wish.to === "auto" ? null : nodeNamed(system, wish.to);
  const { standby: target, reason, candidates } = chooseStandby(views, wanted);
  requireReady(primary, target, wish.maxLag);
  requireLocal(primary);
  await requireOwnData(deps, system, primary.node, { view: primary, signal });
  return { views, primary, target, reason, candidates };
}

function onePrimary(views: readonly NodeView[]): PrimaryView {
  const [primary, ...more] = views.filter((view) => view.kind === "primary");
  if (primary !== undefined && more.length === 0) return primary;
  const said = listed(views.map((view) => `${view.node.name} ${view.kind}`));
  throw new StepError(
    "subject",
    "SWITCHOVER_NO_PRIMARY",
    `there is not exactly one primary to switch over from: ${said}`,
    {
      hint: "after the loss of a primary it is postgres/promote that helps",
    },
  );
}

/** Received and replayed: what is still to be replayed would be part of the outage. */
function requireReady(primary: PrimaryView, target: StandbyView, maxLag: number): void {
  const behind = bytesBehind(primary.lsn, target.replayedLsn);
  const streams = target.receiver === null || target.receiver.status === "streaming";
  const sends = primary.senders.some(({ name, state }) => name === target.node.name && state === "streaming");
  const why = !(streams && (target.receiver !== null || sends))
    ? "does not stream"
    : target.replayPaused
      ? "has its replay paused"
      : behind === null || behind > maxLag
        ? `is ${behind === null ? "at an unknown position" : `${formatBytes(behind)} behind`}`
        : null;
  if (why === null) return;
  throw new StepError("subject", "SWITCHOVER_NOT_READY", `${target.node.name} cannot take over: it ${why}`, {
    hint: "postgres/replica-status with `maxLag` in `prepare` sees this before the clock runs",
  });
}

function requireLocal({ node }: PrimaryView): void {
  if (node.dataDir !== null) return;
  throw new StepError(
    "permanent",
    "NODE_NOT_LOCAL",
    `${node.name} cannot be shut down from here: the inventory names no data directory`,
    {
      hint: "set `dataDir` of the node when this machine runs it, else switch over with your own tool: command/run, patroni/switchover",
    },
  );
}
