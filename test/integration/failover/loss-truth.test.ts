import { describe, expect, test } from "vitest";
import { primaryOf } from "../../support/own-client.ts";
import { type Desk, openDesk, waitingFor } from "../../support/desk.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { edited, shipped, startDrill } from "../../support/live-drill.ts";
import { reportedLost, truthDrill, type TruthEnd } from "../../support/truth-drill.ts";

const COMMON = { track_commit_timestamp: "on", wal_retrieve_retry_interval: "200ms" };
const SYNCHRONOUS = { ...COMMON, synchronous_standby_names: "ANY 1 (*)" };
/** The shipped drill, with a shorter look at the end. */
const quick = (text: string): string => edited(text, "hold: 2s", "hold: 200ms");

/** One interval of a writer, on top of how long an answer took. */
const INTERVAL_US = 10_000;

/** How far the ends of the span are from the commits in the old primary, and how far they may be. */
function spanError({ result, truth }: TruthEnd): { readonly us: number; readonly allowedUs: number } {
  const { lostAcknowledged } = result.loss;
  if (lostAcknowledged.status !== "measured" || lostAcknowledged.gone === null || truth.lostBetween === null)
    throw new Error("nothing was lost");
  const { first, last } = lostAcknowledged.gone;
  const { firstUs, lastUs } = truth.lostBetween;
  const us = Math.max(Math.abs(first.wallUs - firstUs), Math.abs(last.wallUs - lastUs));
  return { us, allowedUs: INTERVAL_US + truth.slowestAnswerUs };
}

describe("what the drill says is lost is what is lost", () => {
  test("two failovers with the replication cut before: the sets are the same, the span's ends are the commits'", async () => {
    await using ha = await startHaCluster({ settings: COMMON });
    for (const params of [
      ["writers=3", "cutFor=400ms"],
      ["writers=1", "rate=200", "cutFor=1200ms"],
    ]) {
      const end = await truthDrill(ha, { playbook: "failover-data-loss", params, edit: quick });
      expect(end.truth.lost.length, end.stderr).toBeGreaterThan(20);
      expect([...end.reported].toSorted()).toEqual(end.truth.lost.toSorted());
      const { us, allowedUs } = spanError(end);
      expect(us).toBeLessThanOrEqual(allowedUs);
      expect(end.result.loss.lostAcknowledged).toMatchObject({
        lost: end.truth.lost.length,
        acknowledged: end.truth.acknowledged.size,
        writers: Number(params[0]?.split("=")[1]),
        counts: {
          survived: end.truth.acknowledged.size - end.truth.lost.length,
          altered: 0,
          duplicated: 0,
          phantom: 0,
        },
      });
    }
  });

  test("with a synchronous standby none is lost; what is done to the table before the reading is told, to the row", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"], settings: SYNCHRONOUS });
    const sound = await truthDrill(ha, { playbook: "failover-replica", params: ["writers=4"], edit: quick });
    expect([sound.truth.lost, [...sound.reported]], sound.stderr).toEqual([[], []]);
    expect(sound.result).toMatchObject({ result: "passed", loss: { lostAcknowledged: { lost: 0 } } });

    const stolen = await tamperedDrill(ha, "delete from $table where writer = 1 and seq = 7");
    expect([...reportedLost(stolen)]).toEqual(["1/7"]);
    expect(stolen).toMatchObject({
      loss: { lostAcknowledged: { lost: 1, counts: { lost: 1, altered: 0, duplicated: 0, phantom: 0 } } },
    });
    expect(stolen.reasons.map(({ rule }) => rule)).not.toContain("DATA_INTEGRITY");

    const forged = await tamperedDrill(
      ha,
      `insert into $table select writer, 1000000, sent_us, payload from $table where writer = 0 and seq = 3;
       insert into $table select writer, seq, sent_us, payload from $table where writer = 0 and seq = 4;
       update $table set payload = reverse(payload) where writer = 0 and seq = 5;
       update $table set sent_us = sent_us + 1 where writer = 1 and seq = 6`,
    );
    expect(forged).toMatchObject({
      result: "failed",
      rule: "DATA_INTEGRITY",
      loss: { lostAcknowledged: { lost: 0, counts: { lost: 0, altered: 2, duplicated: 1, phantom: 1 } } },
      objectives: { rpo: { verdict: "not_measured" } },
    });
  });
});

/** A failover to a synchronous standby; right before the final reading the statements are run on the new primary. */
async function tamperedDrill(ha: HaCluster, statements: string) {
  await using desk: Desk = await openDesk(async () => {
    await using session = await ha.session(await primaryOf(ha));
    const [row] = await session.query<{ name: string }>(
      "select oid::regclass::text as name from pg_class where relnamespace = to_regnamespace('firedrill_canary') and relname not like '%probe' and relkind = 'r'",
    );
    for (const statement of statements.split(";")) await session.query(statement.replaceAll("$table", row?.name ?? ""));
  });
  const reading = "    - id: ledger\n";
  const playbook = edited(
    quick(await shipped("failover-replica")),
    reading,
    `${waitingFor("meanwhile", desk)}${reading}`,
  );
  await using live = await startDrill(ha, { playbook, params: ["writers=2"] });
  const { result, stderr } = await live.end();
  if (result.loss.lostAcknowledged.status !== "measured") throw new Error(stderr);
  return result;
}
