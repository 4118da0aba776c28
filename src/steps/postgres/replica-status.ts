import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { ReplicationState } from "../../drills/facts.ts";
import type { CheckDetail } from "../../drills/run-event.ts";
import { defineStep, type StepContext, type StepResult } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { formatBytes } from "../../support/format.ts";
import { sizeBytes } from "../../support/size.ts";
import type { NodeView, PrimaryView, Replication } from "../ports/replication.ts";
import { timeoutFor } from "../timeout-for.ts";
import { listed } from "./listed.ts";
import { replicationState } from "./replication-state.ts";
import { systemOf } from "./system-nodes.ts";

export interface ReplicaStatusDeps {
  readonly replication: Replication;
}

const input = z.strictObject({
  minStandbys: z.int().min(0).default(1).describe("Standbys that must stream. Default 1."),
  maxLag: sizeBytes().optional().describe("How far each streaming standby may be behind what the primary has written."),
  timeout: durationMs().prefault("2s").describe("Longest to wait for what a node says of itself. Default 2s."),
  within: durationMs({ zero: true })
    .prefault("0s")
    .describe(
      "Keep looking this long until it is so: a standby that was told to follow needs a moment. Default 0s: once.",
    ),
});
type Input = z.output<typeof input>;

const standby = z.object({
  node: z.string(),
  reachable: z.boolean(),
  streaming: z.boolean(),
  sync: z.string().nullable().describe("`sync_state` of the primary's pg_stat_replication."),
  receivedLsn: z.string().nullable(),
  replayedLsn: z.string().nullable(),
  lagBytes: z.int().nullable().describe("Received less than the primary has written."),
  lagUs: z.int().nullable().describe("`replay_lag` of the primary's pg_stat_replication."),
});

const outputs = z.object({
  primary: z.string().nullable().describe("The one primary; null when there is none, or more than one."),
  timeline: z.int().nullable(),
  lsn: z.string().nullable().describe("Position the primary has written."),
  standbys: z.array(standby),
});
type Outputs = z.input<typeof outputs>;

/** `postgres/replica-status`: who is the primary, who streams from it, how far behind. */
export function replicaStatusStep({ replication }: ReplicaStatusDeps) {
  return defineStep({
    uses: "postgres/replica-status",
    summary:
      "Checks that the system has exactly one primary and enough standbys that stream, and how far these are behind.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: input,
    outputs,
    creates: [],
    defaultTimeoutMs: LOOK_TIMEOUT_MS,
    timeoutFor: timeoutFor(["within"], 0),
    needsSystem: true,
    async run(wish, ctx) {
      const untilMonoUs = ctx.clock.monoUs() + wish.within * 1000;
      for (;;) {
        const { state, result } = await look(replication, wish, ctx);
        if (result.passed || ctx.clock.monoUs() >= untilMonoUs) {
          // Only with a primary: what was known of the last one must not be forgotten for a look at its ruins.
          if (state !== null) await ctx.fact(state);
          return result;
        }
        await delay(LOOK_AGAIN_MS, undefined, { signal: ctx.signal });
      }
    },
  });
}

const LOOK_AGAIN_MS = 100;
const LOOK_TIMEOUT_MS = 60_000;

interface Looked {
  readonly state: ReplicationState | null;
  readonly result: Extract<StepResult<Outputs>, { kind: "check" }>;
}

async function look(replication: Replication, wish: Input, ctx: StepContext): Promise<Looked> {
  const system = systemOf(ctx);
  const views = await replication.observe(system, system.nodes, { timeoutMs: wish.timeout, signal: ctx.signal });
  const [primary, ...more] = views.filter((view) => view.kind === "primary");
  if (primary === undefined || more.length > 0) {
    const check = detail(wish, rolesText(views), views);
    return { state: null, result: { kind: "check", passed: false, outputs: nobody(views), check } };
  }
  const state = replicationState(primary, views);
  const faults = faultsOf(state, wish);
  const actual = [
    `${primary.node.name} is the primary`,
    ...state.standbys.map(standbyText),
    ...faults,
    ...blindness(faults, primary, state),
  ];
  const check = detail(wish, listed(actual), views);
  return { state, result: { kind: "check", passed: faults.length === 0, outputs: outputsOf(state), check } };
}

function faultsOf({ standbys }: ReplicationState, { minStandbys, maxLag }: Input): readonly string[] {
  const streaming = standbys.filter((one) => one.streaming);
  const few = streaming.length < minStandbys ? [`${streaming.length} of ${minStandbys} standbys stream`] : [];
  if (maxLag === undefined) return few;
  const late = streaming.filter(({ lagBytes }) => lagBytes === null || lagBytes > maxLag);
  return [...few, ...late.map(({ node }) => `${node} is further behind than ${formatBytes(maxLag)}`)];
}

/** A login without pg_monitor is shown no connection of any standby: then "does not stream" is no more than "not seen". */
function blindness(
  faults: readonly string[],
  { senders }: PrimaryView,
  { standbys }: ReplicationState,
): readonly string[] {
  const seen = senders.length > 0 || standbys.some(({ reachable, streaming }) => !reachable || streaming);
  return faults.length === 0 || seen || standbys.length === 0
    ? []
    : ["none is seen to stream: has the login pg_monitor?"];
}

function detail({ minStandbys, maxLag }: Input, actual: string, views: readonly NodeView[]): CheckDetail {
  const lag = maxLag === undefined ? "" : `, each at most ${formatBytes(maxLag)} behind`;
  return {
    title: "Replication",
    expected: `one primary, ${minStandbys} or more standbys that stream${lag}`,
    actual,
    coverage: {
      checked: views.filter(({ kind }) => kind !== "unreachable").length,
      total: views.length,
      unit: "nodes",
    },
  };
}

function standbyText({ node, reachable, streaming, sync, lagBytes }: ReplicationState["standbys"][number]): string {
  if (!reachable) return `${node} does not answer`;
  const behind = lagBytes === null ? "at an unknown position" : `${formatBytes(lagBytes)} behind`;
  const kind = sync === null ? "" : ` (${sync})`;
  return `${node}${kind} ${streaming ? "streams" : "does not stream"}, ${behind}`;
}

function rolesText(views: readonly NodeView[]): string {
  const primaries = views.filter((view) => view.kind === "primary").length;
  const head = primaries === 0 ? "no primary" : `${primaries} primaries`;
  const each = views.map((view) =>
    view.kind === "unreachable"
      ? `${view.node.name} does not answer (${view.reason})`
      : `${view.node.name} is a ${view.kind}`,
  );
  return `${head}: ${listed(each)}`;
}

/** Positions are told even when nobody is the primary: somebody will ask who has most. */
function nobody(views: readonly NodeView[]): Outputs {
  const standbys = views.map((view) => ({
    node: view.node.name,
    reachable: view.kind !== "unreachable",
    streaming: false,
    sync: null,
    receivedLsn: view.kind === "standby" ? view.receivedLsn : null,
    replayedLsn: view.kind === "standby" ? view.replayedLsn : null,
    lagBytes: null,
    lagUs: null,
  }));
  return { primary: null, timeline: null, lsn: null, standbys };
}

function outputsOf({ primary, timeline, primaryLsn, standbys }: ReplicationState): Outputs {
  return { primary, timeline, lsn: primaryLsn, standbys: standbys.map((one) => ({ ...one })) };
}
