import { expect, test } from "vitest";
import { baselinesOf, sweepFolder } from "../support/sweep.ts";
import { shippedPlans } from "../support/sweep-plans.ts";
import { judge, paceOf, randomRound } from "../support/sweep-random.ts";

const KILLS = Number(process.env["FIREDRILL_RANDOM_KILLS"] ?? 1000);
const ROWS = 2;

/** Between the shutdown of the old primary and the promotion nobody is the primary: only a person may say how it goes on. */
const MAY_DOUBT: ReadonlySet<string> = new Set(["switch"]);

test(`${KILLS} kills at random instants, of runs, of what takes them over and of what cleans up, leave nothing and do nothing twice`, async () => {
  using folder = sweepFolder(shippedPlans());
  const baselines = await baselinesOf(folder);
  const pace = await paceOf(folder);
  const kinds = new Map<string, number>();
  const wrong: string[] = [];
  const begun = performance.now();
  let kills = 0;
  const row = async (name: string): Promise<void> => {
    for (let round = 0; kills < KILLS; round += 1) {
      const { kills: more, ended } = await randomRound(folder, `${name}-${round}`, pace, Math.random);
      kills += more;
      for (const one of ended) {
        const baseline = baselines[one.playbook];
        if (baseline === undefined) throw new Error(`there is no playbook ${one.playbook}`);
        const judged = judge(one, baseline, MAY_DOUBT);
        kinds.set(judged.kind, (kinds.get(judged.kind) ?? 0) + 1);
        if (judged.kind === "wrong") wrong.push(`${one.playbook}: ${judged.why.join("; ")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: ROWS }, (_, index) => row(`row-${index}`)));
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind.replaceAll("_", " ")}`).join(", ");
  process.stdout.write(`random kills: ${kills} processes killed, runs: ${counts}, ${seconds} s\n`);
  expect(wrong).toEqual([]);
});
