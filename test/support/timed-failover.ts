import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { decideApproval } from "../../src/engine/approvals/decide-approval.ts";
import { readRequest } from "../../src/engine/approvals/approval-files.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import type { CliEvent } from "./cli-run.ts";
import { type HaCluster, startHaCluster } from "./ha-cluster.ts";
import { edited, type LiveEnd, shipped, startDrill } from "./live-drill.ts";
import { type LossTruth, lossTruth, openTruthDesk, waitingForTruth } from "./loss-truth.ts";
import { startOwnClient } from "./own-client.ts";
import type { Seen } from "./seen.ts";
import { watchDrill } from "./watch-drill.ts";
import type { WallClock } from "./faketime.ts";

const clock = systemClock();
const CUT_MS = 600;
const DETECT_MS = 1500;
const APPROVAL_MS = 4000;
const PROMOTION_MS = 3000;
const HOLD_MS = 300;

/** What was seen of a failover from outside, by the test's own clock. */
export interface TimedTruth {
  readonly disaster: Seen;
  /** When a client of the test's own was cut off. */
  readonly noticed: Seen;
  readonly asked: Seen;
  readonly approved: Seen;
  readonly begun: Seen;
  readonly fenced: Seen;
  readonly promoting: Seen;
  readonly promoted: Seen;
  readonly served: Seen;
  readonly verified: Seen;
  readonly held: Seen;
  readonly returning: Seen;
  readonly streaming: Seen;
  readonly returned: Seen;
}

export interface TimedFailover extends LiveEnd {
  readonly seen: TimedTruth;
  readonly loss: LossTruth;
}

const step = (type: string, id: string) => (event: CliEvent) => event.type === type && event.data["step"] === id;
const phase = (name: string) => (event: CliEvent) => event.type === "phase.begun" && event.data["phase"] === name;

/**
 * The shipped drill `failover-data-loss`, with delays of known length put in: an outage counts after 1.5 s, a person agrees
 * after 4 s, and 3 s pass between fence and promotion. `wall` jumps while the standby is cut off, while the person
 * thinks, and before the promotion.
 */
export async function timedFailover(wall: ((dir: string) => Promise<WallClock>) | null): Promise<TimedFailover> {
  await using ha = await startHaCluster({
    settings: { track_commit_timestamp: "on", wal_retrieve_retry_interval: "200ms" },
  });
  const fake = wall === null ? null : await wall(ha.dir);
  await using desk = await openTruthDesk(ha);
  await using client = await startOwnClient(ha);
  const playbook = waitingForTruth(slowed(await shipped("failover-data-loss")), desk);
  const { env = {}, nodeArgs = [] } = fake ?? {};
  await using live = await startDrill(ha, { playbook, params: ["writers=2", `cutFor=${CUT_MS}ms`], env, nodeArgs });
  const runDir = await live.runDir();
  await using watch = watchDrill(ha, runDir, live.run.ended);
  const sights = sightsOf(ha, watch, runDir);

  await watch.record(step("step.started", "drift"));
  await delay(CUT_MS / 2);
  await fake?.set("+3h");
  const approved = await approve(runDir, await sights.question, () => fake?.set("-2y"));
  await watch.record(step("step.started", "slow"));
  await delay(PROMOTION_MS / 2);
  await fake?.set("+1d");
  const seen = await allOf(sights);
  const end = await live.end();
  await client.stop();
  const [outage, ...more] = client.outages();
  if (outage === undefined || more.length > 0)
    throw new Error(`the test's own client saw more than one outage: ${JSON.stringify(client.outages())}`);
  const { cutOff, back } = outage;
  const loss = await lossTruth(ha, runDir, desk.survivors());
  return { ...end, loss, seen: { ...seen, disaster: cutOff, noticed: cutOff, approved, served: back } };
}

function slowed(text: string): string {
  const detect = edited(
    edited(text, "hold: 2s", `hold: ${HOLD_MS}ms`),
    "      with: { failures: 3 }\n",
    `      with: { failures: 3, for: ${DETECT_MS}ms }
    - id: go
      uses: approval
      with: { question: Fail over?, role: incident commander, timeout: 5m }
`,
  );
  const promote = "    - id: promote\n";
  return edited(
    detect,
    promote,
    `    - id: slow\n      uses: wait/until\n      with: { for: ${PROMOTION_MS}ms }\n${promote}`,
  );
}

/** The looks begin before there is anything to see. */
function sightsOf(ha: HaCluster, watch: ReturnType<typeof watchDrill>, runDir: string) {
  const dataDir = ha.system.nodes[0]?.dataDir ?? "";
  const record = (fits: (event: CliEvent) => boolean): Promise<Seen> => watch.record(fits);
  const sights = {
    question: watch.file(join(runDir, "approvals/go.request.json")),
    asking: record(step("step.started", "go")),
    begun: record(step("step.started", "fence")),
    heldBack: watch.file(join(dataDir, "standby.signal")),
    fenced: record((event) => event.type === "fact" && event.data["step"] === "fence"),
    promoting: record(step("step.started", "promote")),
    promoted: watch.answer("b", "not pg_is_in_recovery()"),
    verified: record(step("step.succeeded", "roles")),
    held: record((event) => event.type === "mark" && event.data["mark"] === "T7"),
    returning: record(phase("return")),
    streaming: watch.answer(
      "b",
      "exists (select from pg_stat_replication where application_name = 'a' and state = 'streaming')",
    ),
    returned: record(step("step.succeeded", "truth")),
  };
  // Those that are waited for later may be told before that the drill has ended.
  for (const sight of Object.values(sights)) sight.catch(() => undefined);
  return sights;
}

type Sights = ReturnType<typeof sightsOf>;

async function allOf(sights: Sights): Promise<Omit<TimedTruth, "disaster" | "noticed" | "approved" | "served">> {
  const { question, asking, heldBack, ...rest } = sights;
  const [asked, began, back] = await Promise.all([question, asking, heldBack]);
  const [begun, fenced, promoting, promoted] = await Promise.all([
    rest.begun,
    rest.fenced,
    rest.promoting,
    rest.promoted,
  ]);
  const [verified, held, returning, streaming, returned] = await Promise.all([
    rest.verified,
    rest.held,
    rest.returning,
    rest.streaming,
    rest.returned,
  ]);
  return {
    asked: { fromUs: began.fromUs, toUs: asked.toUs },
    begun,
    // It was held back first, and the record comes after the last proof.
    fenced: { fromUs: back.fromUs, toUs: fenced.toUs },
    promoting: { fromUs: promoting.fromUs, toUs: promoted.toUs },
    promoted,
    verified,
    held,
    returning,
    streaming,
    returned,
  };
}

/** Agrees some seconds after the question was put, as `firedrill approve` does. */
async function approve(runDir: string, question: Seen, meanwhile: () => Promise<void> | undefined): Promise<Seen> {
  const request = await readRequest(runDir, "go");
  if (request === null) throw new Error("there is no question");
  await delay(APPROVAL_MS / 2);
  await meanwhile();
  await delay((question.toUs + APPROVAL_MS * 1000 - clock.monoUs()) / 1000);
  const fromUs = clock.monoUs();
  await decideApproval(runDir, request, { decision: "approved", who: "Ada", comment: null }, clock);
  return { fromUs, toUs: clock.monoUs() };
}
