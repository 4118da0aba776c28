import { afterAll, beforeAll, expect, test } from "vitest";
import { type HaTemplate, haTemplate } from "../support/ha-cluster.ts";
import { paceOf, SWEPT, sweptRound } from "../support/kill-sweep.ts";
import type { Pace } from "../support/kill-going-on.ts";
import { drawRound, roundText } from "../support/kill-round.ts";
import type { ShippedFailover } from "../support/failover-run.ts";
import { seedsOf } from "../support/seeded.ts";

const ROUNDS = 60;

let templates: Readonly<Record<2 | 3, HaTemplate>>;
const paces = new Map<ShippedFailover, Pace>();
beforeAll(async () => {
  templates = {
    2: await haTemplate({ names: ["a", "b"], ...SWEPT }),
    3: await haTemplate({ names: ["a", "b", "c"], ...SWEPT }),
  };
  for (const playbook of ["failover-replica", "failover-data-loss", "switchover-replica"] as const)
    paces.set(playbook, await paceOf(templates[2], playbook));
});
afterAll(async () => {
  for (const template of Object.values(templates)) await template[Symbol.asyncDispose]();
});

test(`failovers and switchovers whose orchestrator is killed at ${ROUNDS} random instants, some of them with others`, async () => {
  const failed: string[] = [];
  let kills = 0;
  for (const seed of seedsOf(ROUNDS)) {
    const round = drawRound(seed, (playbook) => paces.get(playbook) ?? { records: 2, ms: 1 });
    const beganAt = performance.now();
    const swept = await sweptRound(templates[round.nodes], round);
    kills += swept.kills;
    const took = Math.round(performance.now() - beganAt);
    process.stdout.write(`${roundText(round)}: ${swept.text} (${took} ms)\n`);
    if (swept.fault !== null) failed.push(`${roundText(round)}\n${swept.fault}`);
  }
  process.stdout.write(`${kills} kills of orchestrators, ${failed.length} rounds with a fault\n`);
  expect(failed, "FIREDRILL_SEED=<seed> npm run verify:long -- kill-sweep-postgres-failover repeats one").toEqual([]);
});
