import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { RULE_NAMES } from "../../../src/drills/measurement/verdict-schema.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import { declared, recoveryPoint, sandboxed } from "../../support/measure-drill.ts";
import { drillPlan } from "../../support/measure-plan.ts";
import type { Situation } from "../../support/measure-situation.ts";
import { brokenSituations } from "../../support/measure-situations-broken.ts";
import { failedSituations } from "../../support/measure-situations-failed.ts";
import { failoverSituations } from "../../support/measure-situations-failover.ts";
import { inconclusiveSituations } from "../../support/measure-situations-inconclusive.ts";
import { soundSituations } from "../../support/measure-situations-sound.ts";

const situations = [
  ...soundSituations,
  ...failedSituations,
  ...inconclusiveSituations,
  ...brokenSituations,
  ...failoverSituations,
];

describe("a situation and what it comes to", () => {
  test.each(situations)("$name: $result", (situation) => {
    const result = measured(situation);
    const { rto, rpo } = result.objectives;
    expect({
      result: result.result,
      exitCode: result.exitCode,
      rule: result.rule,
      rto: situation.rto === undefined ? undefined : rto.verdict,
      rpo: situation.rpo === undefined ? undefined : rpo.verdict,
    }).toEqual({
      result: situation.result,
      exitCode: situation.exitCode,
      rule: situation.rule,
      rto: situation.rto,
      rpo: situation.rpo,
    });
    expect(result.reasons.map((reason) => reason.rule)).toEqual(expect.arrayContaining([...(situation.also ?? [])]));
    expect(result.reasons.at(0)?.rule).toBe(result.rule);
  });
});

test("the table shows every rule", () => {
  const rules = situations.flatMap((situation) => measured(situation).reasons.map((reason) => reason.rule));
  expect(new Set(rules)).toEqual(new Set(RULE_NAMES));
});

function measured(situation: Situation): RunResult {
  return measure(situation.plan ?? drillPlan(), situation.journal().records);
}

test("a recovery point stands in, labelled, where no survivor was read", () => {
  const journal = declared();
  const t0 = journal.wallUs;
  sandboxed(journal).begin("restore").after(1000).fact("restore", recoveryPoint(t0)).succeed("restore");
  const result = measure(
    drillPlan(),
    journal.phase("verify").pass("rows", 10).pass("amcheck", 10).cleanup("sb-1").records,
  );
  expect(result.objectives.rpo).toMatchObject({ verdict: "met", compared: "recovery_point_age", basis: "estimate" });
  expect(result.objectives.rpo.reason).toContain("an estimate");
});
