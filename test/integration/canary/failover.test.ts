import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TrafficRef } from "../../../src/drills/traffic-ref.ts";
import type { Session } from "../../../src/steps/ports/postgres.ts";
import { instant } from "../../../src/support/clock.ts";
import { canaryClock, canaryLab, cutReplication, postmasterOf, processesOf } from "../../support/canary-lab.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";

const { signal } = new AbortController();

/** What the ledger says, read with nothing of the code under test: `writer/seq` by the letter of the answer. */
async function ledgerOf({ dir }: TrafficRef): Promise<Record<"s" | "a" | "u" | "r", Set<string>>> {
  const said = { s: new Set<string>(), a: new Set<string>(), u: new Set<string>(), r: new Set<string>() };
  const text = await readFile(join(dir, "writer.1.ledger"), "latin1");
  for (const [, kind, writer, seq] of text.matchAll(/^([saur]) \d+ (\d+) (\d+)/gmu)) {
    if (kind === "s" || kind === "a" || kind === "u" || kind === "r") said[kind].add(`${writer}/${seq}`);
  }
  return said;
}

async function tableOf(session: Session, { schema, table }: TrafficRef): Promise<Set<string>> {
  const rows = await session.query<{ marker: string }>(`select writer || '/' || seq as marker from ${schema}.${table}`);
  return new Set(rows.map(({ marker }) => marker));
}

test("a primary dies behind a cut standby: every marker is in the class that ledger and table say", async () => {
  await using ha = await startHaCluster();
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan();
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);

  await cutReplication(ha, "b");
  const cut = (await watch.until((view) => view.goodInARow > 0, signal)).probes;
  await watch.until((view) => view.probes > cut + 10, signal);
  const t0 = instant(canaryClock);
  for (const { pid } of processesOf(ha, "a")) process.kill(pid, "SIGKILL");
  const seen = await watch.until((view) => (view.outage?.failures ?? 0) >= 3, signal);
  expect(seen.outage).toMatchObject({ firstRead: null, firstWrite: null, to: null });
  const position = await traffic.position(ref);

  await using promoted = await ha.session("b");
  await promoted.query("select pg_promote(false)");
  const back = await watch.until((view) => view.goodInARow > 10, signal);
  await traffic.stop(ref, "writers", signal);
  const loss = await traffic.settle(ref, t0, signal);
  await traffic.stop(ref, "all", signal);

  const said = await ledgerOf(ref);
  const there = await tableOf(promoted, ref);
  const count = (set: Set<string>, found: boolean): number =>
    [...set].filter((marker) => there.has(marker) === found).length;
  const unanswered = new Set([...said.s].filter((marker) => !said.a.has(marker)));
  expect(count(said.a, false)).toBeGreaterThan(4);
  expect(loss.counts).toEqual({
    sent: said.s.size,
    acknowledged: said.a.size,
    refused: said.r.size,
    unknown: unanswered.size - said.r.size,
    survived: count(said.a, true),
    lost: count(said.a, false),
    recoveredUnknown: count(unanswered, true),
    failed: count(unanswered, false),
    phantom: 0,
    duplicated: 0,
    altered: 0,
  });

  const named = loss.lost?.ranges.flatMap(({ writer, from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => `${writer}/${from + index}`),
  );
  expect(new Set(named)).toEqual(new Set([...said.a].filter((marker) => !there.has(marker))));
  expect(loss.lost?.bytes).toBe(64 * loss.counts.lost);
  expect(loss.lost?.last.monoUs).toBeLessThanOrEqual(seen.outage?.firstFailed.monoUs ?? 0);
  expect(loss.survivorBeforeLoss?.monoUs).toBeLessThan(loss.lost?.first.monoUs ?? 0);
  expect(loss.newestSurvivor).toEqual(loss.survivorBeforeLoss);
  expect(loss.newestBeforeT0?.monoUs).toBeLessThanOrEqual(t0.monoUs);
  expect(loss).toMatchObject({ gaps: 0, writers: 2, intervalUs: 5000, readFrom: { timeline: 2 } });
  const lines = (await readFile(join(lab.runDir, loss.lost?.file ?? ""), "utf8")).trim().split("\n");
  expect(lines).toHaveLength(1 + (loss.lost?.rangesInAll ?? 0));

  // The old primary had come at least that far; where the new timeline begins, the promoted one had not.
  const [fork] = await promoted.query<{ further: boolean }>(
    `select $1::pg_lsn > split_part(pg_read_file('pg_wal/00000002.history'), E'\\t', 2)::pg_lsn as further`,
    [position?.lsn],
  );
  expect(fork).toEqual({ further: true });

  const { outages, outagesInAll, probes, failed } = await traffic.outages(ref);
  expect(outagesInAll).toBe(1);
  expect(outages[0]).toMatchObject({
    lastGood: seen.lastGood,
    firstFailed: seen.outage?.firstFailed,
    firstWrite: back.outage?.firstWrite,
    from: expect.stringContaining(String(ha.system.nodes[0]?.endpoint.port)) as unknown,
    to: expect.stringContaining(String(ha.system.nodes[1]?.endpoint.port)) as unknown,
  });
  expect(back.outage?.firstRead?.monoUs).toBeLessThan(back.outage?.firstWrite?.monoUs ?? 0);
  expect(failed).toBe(back.outage?.failures);
  expect(probes).toBeGreaterThan(failed);
});

test("with a synchronous standby nothing that was acknowledged is lost", async () => {
  await using ha = await startHaCluster({ settings: { synchronous_standby_names: "*" } });
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ synchronousCommit: "on", writers: 3 });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);
  await watch.until((view) => view.goodInARow > 20, signal);

  // Commits on the primary wait for a standby that hears nothing any more.
  await cutReplication(ha, "b");
  const waiting = await watch.until((view) => view.outage !== null, signal);
  expect(waiting.outage).toMatchObject({ reason: "answer_timeout" });
  for (const { pid } of processesOf(ha, "a")) process.kill(pid, "SIGKILL");
  await using promoted = await ha.session("b");
  await promoted.query("alter system set synchronous_standby_names = ''");
  await promoted.query("select pg_promote(false)");
  await promoted.query("select pg_reload_conf()");
  await watch.until((view) => view.goodInARow > 5, signal);
  await traffic.stop(ref, "writers", signal);
  const { counts } = await traffic.settle(ref, null, signal);
  expect(counts).toMatchObject({ lost: 0, phantom: 0, duplicated: 0, altered: 0 });
  expect(counts.survived).toBe(counts.acknowledged);
  expect(counts.unknown).toBeGreaterThan(0);
});

test("a frozen primary is an outage and no hang, and what it commits later was never lost", async () => {
  await using ha = await startHaCluster();
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ connectTimeoutUs: 200_000, answerTimeoutUs: 200_000 });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);
  await watch.until((view) => view.goodInARow > 5, signal);

  const frozen = processesOf(ha, "a");
  expect(frozen.map(({ pid }) => pid)).toContain(postmasterOf(ha, "a"));
  for (const { pid } of frozen) process.kill(pid, "SIGSTOP");
  const seen = await watch.until((view) => (view.outage?.failures ?? 0) >= 2, signal);
  expect(seen.outage?.reason).toBe("answer_timeout");
  for (const { pid } of frozen) process.kill(pid, "SIGCONT");
  const back = await watch.until((view) => view.goodInARow > 3, signal);
  expect(back.outage).toMatchObject({ from: seen.outage?.from, to: seen.outage?.from });

  await traffic.stop(ref, "all", signal);
  const { counts, lost } = await traffic.settle(ref, null, signal);
  expect(lost).toBeNull();
  expect(counts).toMatchObject({ lost: 0, survived: counts.acknowledged });
  expect(counts.unknown).toBeGreaterThan(0);
  expect(counts.recoveredUnknown + counts.failed).toBe(counts.unknown + counts.refused);
});
