import { afterAll, beforeAll, expect, test } from "vitest";
import { type HaTemplate, haTemplate } from "../support/ha-cluster.ts";
import { SWEPT, sweptRound } from "../support/kill-sweep.ts";
import { drawRound, roundText } from "../support/kill-round.ts";
import { seedsOf } from "../support/seeded.ts";

const ROUNDS = 60;

let templates: Readonly<Record<2 | 3, HaTemplate>>;
beforeAll(async () => {
  templates = {
    2: await haTemplate({ names: ["a", "b"], ...SWEPT }),
    3: await haTemplate({ names: ["a", "b", "c"], ...SWEPT }),
  };
});
afterAll(async () => {
  for (const template of Object.values(templates)) await template[Symbol.asyncDispose]();
});

test(`failovers and switchovers whose orchestrator is killed at ${ROUNDS} random instants, some of them with others`, async () => {
  const seeds = seedsOf(ROUNDS);
  const failed: string[] = [];
  let kills = 0;
  for (const seed of seeds) {
    const round = drawRound(seed);
    const beganAt = performance.now();
    const swept = await sweptRound(templates[round.nodes], round);
    kills += swept.kills;
    const took = Math.round(performance.now() - beganAt);
    process.stdout.write(`${swept.fault === null ? "" : "FAULT "}${roundText(round)}: ${swept.text} (${took} ms)\n`);
    if (swept.fault !== null) failed.push(`${roundText(round)}\n${swept.fault}`);
  }
  process.stdout.write(`${kills} kills of orchestrators, ${failed.length} rounds with a fault\n`);
  // An instant may lie after a drill's end: not too many of them.
  expect(kills).toBeGreaterThanOrEqual(seeds.length / 2);
  expect(failed, "FIREDRILL_SEED=<seed> npm run verify:long -- kill-sweep-postgres-failover repeats one").toEqual([]);
});
