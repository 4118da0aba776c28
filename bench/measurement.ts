/**
 * Is the loss the drill reports the loss there was? Failovers with the replication cut a random time before the primary is killed, one to
 * eight writers; what is lost is found out independently, from the new primary's table and the old primary's kept data directory
 * started aside. Then the same without a cut, and with a synchronous standby, where nothing may be lost.
 *
 *   node bench/measurement.ts [--failovers 100] [--synchronous 20] [--seed 1]
 *
 * Exits 1 when a single set differs.
 */
import { parseArgs } from "node:util";
import { type HaCluster, type HaClusterOptions, startHaCluster } from "../test/support/ha-cluster.ts";
import { truthDrill, type TruthDrill, type TruthEnd, UnfinishedDrill } from "../test/support/truth-drill.ts";
import { seededRandom } from "./support/seeded.ts";

const { values: options } = parseArgs({
  options: {
    failovers: { type: "string", default: "100" },
    synchronous: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
  },
});
const random = seededRandom(Number(options.seed));
const COMMON = { track_commit_timestamp: "on", wal_retrieve_retry_interval: "200ms" };
const SYNCHRONOUS = { ...COMMON, synchronous_standby_names: "ANY 1 (*)" };
/** Drills on one cluster: the old primary is rebuilt each time, so the roles go to and fro. */
const PER_CLUSTER = 10;

const wrong: string[] = [];
/** Drills that ended before their reading: no number was given, so none was wrong. */
const unfinished: string[] = [];
let drills = 0;
let lostInAll = 0;
let worstSpanMs = 0;

await many(Number(options.failovers), { names: ["a", "b"], settings: COMMON }, () => {
  const writers = 1 + Math.floor(random() * 8);
  const cutMs = 50 + Math.floor(random() * 2950);
  const params = [`writers=${writers}`, `cutFor=${cutMs}ms`];
  return {
    drill: { playbook: "failover-data-loss", params },
    what: `${writers} writers, cut ${cutMs} ms before`,
    none: false,
  };
});
await many(Number(options.synchronous), { names: ["a", "b", "c"], settings: SYNCHRONOUS }, () => ({
  drill: { playbook: "failover-replica", params: ["writers=4"] },
  what: "4 writers, a synchronous standby",
  none: true,
}));
console.log(
  `${drills} failovers, ${lostInAll} lost transactions in all, ${wrong.length} wrong, ${unfinished.length} without a reading; the span's ends differ from the commit times by at most ${worstSpanMs.toFixed(1)} ms`,
);
for (const line of wrong) console.log(line);
process.exitCode = wrong.length === 0 ? 0 : 1;

interface Case {
  readonly drill: TruthDrill;
  readonly what: string;
  /** Nothing may be lost. */
  readonly none: boolean;
}

async function many(count: number, cluster: HaClusterOptions, next: () => Case): Promise<void> {
  for (let done = 0; done < count; done += PER_CLUSTER) {
    await using ha = await startHaCluster(cluster);
    for (let index = done; index < Math.min(count, done + PER_CLUSTER); index += 1) await one(ha, next());
  }
}

async function one(ha: HaCluster, { drill, what, none }: Case): Promise<void> {
  const end = await truthDrill(ha, drill).catch((error: unknown) => {
    if (error instanceof UnfinishedDrill) return error;
    throw error;
  });
  drills += 1;
  if (end instanceof UnfinishedDrill) {
    unfinished.push(`${String(drills).padStart(4)}  ${what}: ${end.message}`);
    console.log(unfinished.at(-1));
    return;
  }
  lostInAll += end.truth.lost.length;
  const faults = faultsOf(end, none);
  const spanMs = spanError(end);
  worstSpanMs = Math.max(worstSpanMs, spanMs);
  const line = `${String(drills).padStart(4)}  ${what}: ${end.reported.size} reported, ${end.truth.lost.length} lost of ${end.truth.acknowledged.size}; ${end.result.result}; span within ${spanMs.toFixed(1)} ms`;
  console.log(faults.length === 0 ? line : `${line}  WRONG: ${faults.join("; ")}`);
  if (faults.length > 0) wrong.push(line);
}

function faultsOf({ reported, truth, result }: TruthEnd, none: boolean): readonly string[] {
  const lost = new Set(truth.lost);
  const missing = truth.lost.filter((key) => !reported.has(key)).length;
  const invented = [...reported].filter((key) => !lost.has(key)).length;
  return [
    ...(missing > 0 ? [`${missing} lost and not reported`] : []),
    ...(invented > 0 ? [`${invented} reported and not lost`] : []),
    ...(none && lost.size > 0 ? [`${lost.size} lost with a synchronous standby`] : []),
    // Inconclusive: the loss lies on both sides of the RPO, which is an answer too.
    ...(["passed", "failed", "inconclusive"].includes(result.result)
      ? []
      : [`the drill ended ${result.result}: ${result.reasons[0]?.message}`]),
  ];
}

/** How far the reported ends of the span are from the commits in the old primary, milliseconds. */
function spanError({ result, truth }: TruthEnd): number {
  const { lostAcknowledged } = result.loss;
  if (truth.lostBetween === null || lostAcknowledged.status !== "measured" || lostAcknowledged.gone === null) return 0;
  const { first, last } = lostAcknowledged.gone;
  const { firstUs, lastUs } = truth.lostBetween;
  return Math.max(Math.abs(first.wallUs - firstUs), Math.abs(last.wallUs - lastUs)) / 1000;
}
