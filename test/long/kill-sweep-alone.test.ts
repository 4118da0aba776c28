import { expect, test } from "vitest";
import { baselinesOf, groupsOf, sweep, sweepFolder } from "../support/sweep.ts";
import { shippedPlans } from "../support/sweep-plans.ts";

test("the kill sweep with every point alone in a process of its own", async () => {
  using folder = sweepFolder(shippedPlans());
  const baselines = await baselinesOf(folder);
  const groups = groupsOf(baselines, 1);
  const begun = performance.now();
  const { kills, wrong } = await sweep(folder, groups, baselines);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`kill sweep, each alone: ${kills} processes killed and their runs taken over, ${seconds} s\n`);
  expect(wrong).toEqual([]);
  expect(kills).toBe(groups.length);
});
