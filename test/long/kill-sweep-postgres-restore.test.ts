import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCliLab } from "../support/cli-lab.ts";
import type { Pace } from "../support/kill-going-on.ts";
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
let pace: Pace;
beforeAll(async () => {
  scene = await restoreScene(await makeCliLab());
  const never = { after: Number.POSITIVE_INFINITY, delayMs: 0 };
  const whole = await killRestore(scene, { seed: 0, instant: never, victim: "nothing else", then: [] });
  expect(restoreFaults(whole)).toEqual([]);
  const took = whole.result?.durations.run;
  pace = { records: whole.records.length, ms: took?.status === "measured" ? took.valueUs / 1000 : 0 };
});
afterAll(() => scene.lab[Symbol.asyncDispose]());

test(`restores whose orchestrator is killed at ${ROUNDS} random instants, some of them with the restored server`, async () => {
  const failed: string[] = [];
  let kills = 0;
  for (const seed of seedsOf(ROUNDS)) {
    const round = drawRestore(seed, pace);
    const killed = await killRestore(scene, round);
    const faults = restoreFaults(killed);
    kills += killed.kills;
    process.stdout.write(`${restoreText(round)}: ${killedRestoreText(killed)}\n`);
    if (faults.length > 0)
      failed.push(
        [restoreText(round), ...faults, ...killed.records.map((record) => JSON.stringify(record).slice(0, 400))].join(
          "\n",
        ),
      );
  }
  process.stdout.write(`${kills} kills of orchestrators, ${failed.length} rounds with a fault\n`);
  expect(failed, "FIREDRILL_SEED=<seed> npm run verify:long -- kill-sweep-postgres-restore repeats one").toEqual([]);
});
