/** The kill sweep can go red: each fault that is planted here is seen at the points that it breaks. */
import { describe, expect, test } from "vitest";
import type { Plan } from "../../../src/drills/plan.ts";
import { baselinesOf, sweep, sweepFolder, type Swept } from "../../support/sweep.ts";
import type { Point } from "../../support/sweep-doom.ts";
import type { PlantedName } from "../../support/sweep-planted.ts";
import { shippedPlans } from "../../support/sweep-plans.ts";

const plans = shippedPlans();

function shipped(playbook: string): Plan {
  const plan = plans[playbook];
  if (plan === undefined) throw new Error(`there is no playbook ${playbook}`);
  return plan;
}

/** One playbook, at some of its points, with the fault and without. */
async function sweepAt(
  playbook: string,
  plan: Plan,
  at: (point: Point) => boolean,
  planted: PlantedName | null,
): Promise<Swept> {
  using folder = sweepFolder({ [playbook]: plan });
  const baselines = await baselinesOf(folder);
  const points = baselines[playbook]?.points.filter(at) ?? [];
  expect(points.length, "points to kill at").toBeGreaterThan(0);
  const groups = points.map((point) => [{ playbook, point }]);
  return await sweep(folder, groups, baselines, planted);
}

const stage =
  (name: Point["stage"], about: string) =>
  (point: Point): boolean =>
    point.stage === name && point.about.split(" ").includes(about);

/** As it would be planned if the step's signature said so. */
function sayingIdempotent({ steps, ...plan }: Plan, id: string): Plan {
  return { ...plan, steps: steps.map((step) => (step.id === id ? { ...step, idempotent: true } : step)) };
}

interface Case {
  readonly planted: PlantedName;
  readonly playbook: string;
  readonly plan: Plan;
  readonly at: (point: Point) => boolean;
  /** What it says. */
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    planted: "idempotent by mistake",
    playbook: "failover-data-loss",
    plan: sayingIdempotent(shipped("failover-data-loss"), "cut"),
    at: stage("after-effect", "cut"),
    says: /acts: \["cut b","cut c","cut b","cut c"/u,
  },
  {
    planted: "a reconcile that lies",
    playbook: "failover-replica",
    plan: shipped("failover-replica"),
    at: stage("after-effect", "promote"),
    says: /verdict: .*"result":"error"/u,
  },
  {
    planted: "a reconcile that believes too much",
    playbook: "failover-replica",
    plan: shipped("failover-replica"),
    at: stage("before-effect", "kill"),
    says: /acts: \[\]/u,
  },
  {
    planted: "a sync that is skipped",
    playbook: "failover-replica",
    plan: shipped("failover-replica"),
    at: stage("after-effect", "kill"),
    says: /acts: \["kill a"\]/u,
  },
  {
    planted: "a ledger entry after the thing",
    playbook: "restore-latest",
    plan: shipped("restore-latest"),
    at: stage("before-append", "resource.planned"),
    says: /left in the world: early/u,
  },
];

describe("the sweep sees", () => {
  test.each(CASES)("$planted", async ({ planted, playbook, plan, at, says }) => {
    const sound = await sweepAt(playbook, shipped(playbook), at, null);
    expect(sound.wrong, "without the fault").toEqual([]);
    const { wrong } = await sweepAt(playbook, plan, at, planted);
    expect(wrong.join("\n")).toMatch(says);
  });
});

test("where the world cannot tell what an interrupted step did, the run stops for a person, and nothing is done twice", async () => {
  const playbook = "failover-replica";
  const at = stage("after-effect", "promote");
  const { wrong } = await sweepAt(playbook, shipped(playbook), at, "a reconcile that does not know");
  // The verdict, and what comes after the step: the old primary stays fenced. No second promotion, nothing left, one primary.
  expect(wrong.map((line) => line.replace(/^.*?\): /u, "").split(":")[0])).toEqual(["servers", "verdict"]);
  expect(wrong.join("\n")).toContain('servers: ["a: down, primary, timeline 1","b: up, primary, timeline 2"');
  expect(wrong.join("\n")).toContain('"rule":"STEP_IN_DOUBT"');
});
