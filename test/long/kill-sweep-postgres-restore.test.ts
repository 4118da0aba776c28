import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCliLab } from "../support/cli-lab.ts";
import { recordText } from "../support/kill-instant.ts";
import {
  drawRestore,
  killedRestoreText,
  killRestore,
  restoreFaults,
  type RestoreScene,
  restoreScene,
  restoreText,
} from "../support/restore-kill.ts";
import { seedsOf } from "../support/seeded.ts";

const ROUNDS = 40;

let scene: RestoreScene;
beforeAll(async () => void (scene = await restoreScene(await makeCliLab())));
afterAll(() => scene.lab[Symbol.asyncDispose]());

test(`restores whose orchestrator is killed at ${ROUNDS} random instants, some of them with the restored server`, async () => {
  const seeds = seedsOf(ROUNDS);
  const failed: string[] = [];
  let kills = 0;
  for (const seed of seeds) {
    const round = drawRestore(seed);
    const killed = await killRestore(scene, round);
    const faults = restoreFaults(killed);
    kills += killed.kills;
    process.stdout.write(`${faults.length === 0 ? "" : "FAULT "}${restoreText(round)}: ${killedRestoreText(killed)}\n`);
    if (faults.length > 0) failed.push([restoreText(round), ...faults, ...killed.records.map(recordText)].join("\n"));
  }
  process.stdout.write(`${kills} kills of orchestrators, ${failed.length} rounds with a fault\n`);
  // An instant may lie after a drill's end: not too many of them.
  expect(kills).toBeGreaterThanOrEqual(seeds.length / 2);
  expect(failed, "FIREDRILL_SEED=<seed> npm run verify:long -- kill-sweep-postgres-restore repeats one").toEqual([]);
});
