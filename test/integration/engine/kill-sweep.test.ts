/**
 * Every shipped playbook, killed at every record (docs/journal.md). One point again:
 * FIREDRILL_SWEEP="failover-replica after-sync:12" npm test -- test/integration/engine/kill-sweep.test.ts
 */
import { expect, test } from "vitest";
import { baselinesOf, groupsOf, sweep, sweepFolder } from "../../support/sweep.ts";
import { pointText } from "../../support/sweep-doom.ts";
import { shippedPlans } from "../../support/sweep-plans.ts";

const plans = shippedPlans();
const ONLY = process.env["FIREDRILL_SWEEP"] ?? null;

test("undisturbed, every shipped playbook passes in the world of the sweep and leaves nothing", async () => {
  using folder = sweepFolder(plans);
  for (const [playbook, { end }] of Object.entries(await baselinesOf(folder))) {
    expect(end.verdict, playbook).toMatchObject({ result: "passed" });
    expect(end.faults, playbook).toEqual([]);
    expect(end.deviations, playbook).toEqual([]);
  }
});

test(
  "killed at every record of every playbook, in every phase, a run ends as undisturbed",
  { timeout: 900_000 },
  async () => {
    using folder = sweepFolder(plans, ONLY !== null);
    const baselines = await baselinesOf(folder);
    const groups = groupsOf(baselines).flatMap((group) => {
      const chosen = group.filter(({ playbook, point }) => ONLY === null || `${playbook} ${pointText(point)}` === ONLY);
      return chosen.length === 0 ? [] : [chosen];
    });
    expect(groups.length, `points to kill at (${ONLY ?? "all"})`).toBeGreaterThan(0);
    const begun = performance.now();
    const { kills, processes, wrong } = await sweep(folder, groups, baselines);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    process.stdout.write(`kill sweep: ${kills} runs killed and taken over, ${processes} processes, ${seconds} s\n`);
    if (folder.keep) process.stdout.write(`journals and worlds are kept in ${folder.dir}\n`);
    expect(wrong).toEqual([]);
    expect(kills).toBe(groups.flat().length);
  },
);
