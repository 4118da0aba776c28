import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findMarked } from "../../src/canary/marked-processes.ts";
import type { RunResult } from "../../src/drills/result.ts";
import { killFound } from "../../src/support/processes.ts";
import type { CliEnd, CliEvent } from "./cli-run.ts";
import { aftermath, type Aftermath, installationOf } from "./failover-aftermath.ts";
import { clock, failoverDeps, nodeOf } from "./failover-context.ts";
import { type FailoverDesk, failoverDesk, ledgerOf, shipped } from "./failover-run.ts";
import type { HaCluster, HaTemplate } from "./ha-cluster.ts";
import type { Interruptible } from "./interrupted-drill.ts";
import { goOn, heldLocks } from "./kill-going-on.ts";
import { killAt, recordsIn } from "./kill-instant.ts";
import type { KillRound, Victim } from "./kill-round.ts";
import { openTruthDesk, type TruthDesk, waitingForTruth } from "./loss-truth.ts";
import { type Ack, watchWrites } from "./write-watch.ts";

/** What is there after a round, and what was seen on the way. */
export interface KilledDrill extends Interruptible {
  readonly round: KillRound;
  /** Of an orchestrator, at the drawn instants; 0 where the drill was over before. */
  readonly kills: number;
  /** When the first of them was killed, CLOCK_MONOTONIC. */
  readonly killedUs: number;
  /** On record when it was killed for the first time. */
  readonly recorded: readonly CliEvent[];
  /** Which server died with it. */
  readonly server: string | null;
  /** Of the last command that went on with the run, or of the run itself where nobody killed it. */
  readonly end: CliEnd;
  /** Null: the run had not begun, and `clean` has removed it. */
  readonly result: RunResult | null;
  /** When all that was killed by us is back, and `clean` has run. */
  readonly after: Aftermath;
  readonly acks: readonly Ack[];
  /** `clean` when all was over, and once more after it. */
  readonly cleans: readonly [CliEnd, CliEnd];
  /** Locks of the state directory that nobody could take. */
  readonly held: readonly string[];
  /** Names of the history files of all nodes. */
  readonly histories: readonly string[];
}

/** How long the step that asks for the truth waits. */
const TRUTH_MS = 25_000;
const CUT_FOR = ["--param", "cutFor=300ms"];

/** Runs a round, and hands what came of it to `look` while the cluster is still there. */
export async function killDrill(
  template: HaTemplate,
  round: KillRound,
  look: (drill: KilledDrill) => Promise<void>,
): Promise<void> {
  await using ha = await template.start();
  const over = new AbortController();
  await using truth = await openTruthDesk(ha, AbortSignal.any([over.signal, AbortSignal.timeout(10 * 60_000)]));
  try {
    await look(await killed(ha, round, truth));
  } finally {
    over.abort();
  }
}

async function killed(ha: HaCluster, round: KillRound, truth: TruthDesk): Promise<KilledDrill> {
  await standbysStream(ha);
  const before = await aftermath(ha, null, []);
  const book = await shipped(round.playbook);
  const text = waitingForTruth(book.text, truth).replace("within: 30s", `within: ${TRUTH_MS}ms`);
  const params = ["--param", "writers=2", ...(round.playbook === "failover-data-loss" ? CUT_FOR : [])];
  const desk = await failoverDesk(ha, { ...book, text }, params);
  await using watch = await watchWrites(ha);
  const struck = await strike(ha, desk, round);
  const gone = struck.kills === 0 ? struck : await goOn(desk.state, desk.runId(), round.recovery);
  await startAgain(ha, struck.server);
  const cleans = [await desk.firedrill("clean"), await desk.firedrill("clean")] as const;
  const after = await aftermath(ha, desk.state, await ledgerOf(desk));
  for (const node of after.writable) await watch.untilAcknowledged(node);
  const result = desk.runId() === "" ? null : await desk.result();
  return {
    ...struck,
    ha,
    before,
    desk,
    truth,
    round,
    after,
    cleans,
    result,
    kills: struck.kills + (gone === struck ? 0 : gone.kills),
    end: gone.end,
    acks: watch.acks(),
    held: heldLocks(desk.state),
    histories: ha.system.nodes.flatMap(({ dataDir }) =>
      readdirSync(join(dataDir ?? "", "pg_wal")).filter((name) => name.endsWith(".history")),
    ),
  };
}

/** Before that a drill would be right to say that the system is not well. */
async function standbysStream(ha: HaCluster): Promise<void> {
  await using session = await ha.session("a");
  for (;;) {
    const [row] = await session.query<{ count: string }>(
      "select count(*)::text as count from pg_stat_replication where state = 'streaming'",
    );
    if (Number(row?.count) === ha.system.nodes.length - 1) return;
    await session.query("select pg_sleep(0.02)");
  }
}

type Struck = Pick<KilledDrill, "kills" | "killedUs" | "recorded" | "server" | "end">;

async function strike(ha: HaCluster, desk: FailoverDesk, round: KillRound): Promise<Struck> {
  await using run = desk.start();
  const hit = await killAt(run, desk.state, round.instant);
  const killedUs = clock.monoUs();
  const server = hit ? await killVictim(ha, desk.state, round.victim) : null;
  if (round.supervised) await startAgain(ha, server);
  return { kills: hit ? 1 : 0, killedUs, recorded: recordsIn(desk.state), server, end: await run.ended };
}

/** Which server died, if one was to. */
async function killVictim(ha: HaCluster, state: string, victim: Victim): Promise<string | null> {
  switch (victim) {
    case "nothing else":
      return null;
    case "writers":
      return killCanaries(state, ["writer"]);
    case "prober":
      return killCanaries(state, ["prober"]);
    case "both canaries":
      return killCanaries(state, ["writer", "prober"]);
    case "primary":
    case "standby":
      return killServer(ha, victim);
    default:
      return victim satisfies never;
  }
}

function killCanaries(state: string, roles: readonly ("writer" | "prober")[]): null {
  const installation = installationOf(state);
  for (const role of roles) for (const found of findMarked({ installation, role })) killFound(found);
  return null;
}

/** Of several primaries, one fenced and one new, the one that runs; none runs: none is killed. */
async function killServer(ha: HaCluster, role: "primary" | "standby"): Promise<string | null> {
  const { control } = failoverDeps(ha);
  for (const node of ha.system.nodes.toReversed()) {
    const standby = await control.heldBack(node);
    if (standby !== (role === "standby") || !(await control.running(node))) continue;
    await control.kill(node, { supervisor: false }, AbortSignal.timeout(10_000));
    return node.name;
  }
  return null;
}

/** As a supervisor or a person would, unless somebody has: as what it was. */
async function startAgain(ha: HaCluster, server: string | null): Promise<void> {
  if (server === null) return;
  const { control } = failoverDeps(ha);
  await control.start(nodeOf(ha, server), AbortSignal.timeout(60_000));
}
