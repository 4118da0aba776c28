import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import type { Fact } from "../../../src/drills/facts.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import {
  declared,
  heartbeat,
  prepared,
  recoveryPoint,
  recoverySource,
  sandboxed,
} from "../../support/measure-drill.ts";
import { drillPlan, ordersSystem } from "../../support/measure-plan.ts";

/** A drill whose restore step reports these facts; T0 is given to make them from. */
function drill(facts: (t0WallUs: number) => readonly Fact[], journal = declared(), plan = drillPlan()): RunResult {
  const t0 = journal.wallUs;
  sandboxed(journal).begin("restore").after(1000);
  for (const fact of facts(t0)) journal.fact("restore", fact);
  return measure(
    plan,
    journal.succeed("restore").phase("verify").pass("rows", 10).pass("amcheck", 1).cleanup("sb-1").records,
  );
}

describe("the newest survivor", () => {
  test("by a heartbeat is an interval of one beat, compared as measured", () => {
    const { loss, objectives } = drill((t0) => [heartbeat(t0), recoveryPoint(t0)]);
    expect(loss.newestSurvivorAge).toMatchObject({
      valueUs: 5_200_000,
      loUs: 4_200_000,
      hiUs: 5_200_000,
      basis: "measured",
    });
    expect(objectives.rpo).toMatchObject({
      verdict: "met",
      compared: "newest_survivor_age",
      basis: "measured",
      marginUs: 54_800_000,
    });
  });

  test("by a query is an estimate, also in the verdict", () => {
    const { objectives } = drill((t0) => [
      heartbeat(t0, { via: "query", what: "select max(created_at) from orders", intervalUs: null }),
    ]);
    expect(objectives.rpo).toMatchObject({ verdict: "met", basis: "estimate", compared: "newest_survivor_age" });
  });

  test("a heartbeat goes before a query, and the newest of several counts", () => {
    const { loss } = drill((t0) => [
      heartbeat(t0, { via: "query", newestWallUs: t0 - 1_000_000, intervalUs: null }),
      heartbeat(t0, { newestWallUs: t0 - 9_000_000 }),
      heartbeat(t0, { newestWallUs: t0 - 8_000_000 }),
    ]);
    expect(loss.newestSurvivorAge).toMatchObject({ valueUs: 8_000_000, basis: "measured" });
  });

  test("younger than T0 is not measured, and nothing else takes its place", () => {
    const { loss, objectives } = drill((t0) => [heartbeat(t0, { newestWallUs: t0 + 1 }), recoveryPoint(t0)]);
    expect(loss.newestSurvivorAge).toMatchObject({ status: "not_measured" });
    expect(loss.recoveryPointAge).toMatchObject({ status: "measured" });
    expect(objectives.rpo).toMatchObject({ verdict: "not_measured", compared: null });
    expect(objectives.rpo.reason).toContain("younger than T0");
  });

  test("seen before the recovery is one of the live system and does not count", () => {
    const journal = prepared();
    const result = drill(() => [], declared(journal.fact("backup", heartbeat(journal.wallUs))));
    expect(result.loss.newestSurvivorAge.status).toBe("not_measured");
  });

  test("is widened by a jump of the wall clock", () => {
    const result = drill((t0) => [heartbeat(t0)], declared(prepared().wallJumps(3000)));
    expect(result.loss.newestSurvivorAge).toMatchObject({ valueUs: 5_200_000, loUs: 1_200_000, hiUs: 8_200_000 });
    expect(result.loss.newestSurvivorAge).toHaveProperty(
      "notes",
      expect.arrayContaining([expect.stringContaining("widened by 3.00 s")]),
    );
  });

  test("a resolution of T0 makes the age possibly shorter, never longer", () => {
    const journal = prepared()
      .phase("disaster")
      .begin("declare")
      .mark("T0", { resolutionUs: 100_000 })
      .succeed("declare");
    expect(drill((t0) => [heartbeat(t0)], journal).loss.newestSurvivorAge).toMatchObject({
      loUs: 4_100_000,
      hiUs: 5_200_000,
    });
  });

  test("provably too old misses the RPO even where a check failed besides", () => {
    const journal = declared();
    const t0 = journal.wallUs;
    sandboxed(journal)
      .begin("restore")
      .fact("restore", heartbeat(t0, { newestWallUs: t0 - 90_000_000 }))
      .succeed("restore");
    const result = measure(
      drillPlan(),
      journal.phase("verify").checkFails("rows", 5).pass("amcheck", 5).cleanup("sb-1").records,
    );
    expect(result.objectives.rpo.verdict).toBe("missed");
  });
});

describe("the recovery point", () => {
  test("is dated by the last replayed commit", () => {
    const { loss, objectives } = drill((t0) => [recoveryPoint(t0)]);
    expect(loss.recoveryPointAge).toMatchObject({
      valueUs: 5_000_000,
      basis: "estimate",
      source: "commit time of the last replayed transaction (pg_last_xact_replay_timestamp())",
    });
    expect(objectives.rpo).toMatchObject({ compared: "recovery_point_age", basis: "estimate" });
  });

  test("is the end of the backup where no transaction was replayed", () => {
    const { loss } = drill((t0) => [recoveryPoint(t0, { commitWallUs: null })]);
    expect(loss.recoveryPointAge).toMatchObject({
      status: "measured",
      valueUs: 3_500_000_000,
      source: "end of the backup (backup_manifest)",
    });
  });

  test("is not measured where nothing was replayed and the backup bears no time", () => {
    const journal = declared();
    const source = recoverySource(journal);
    const undated = source.kind === "recovery_source" ? { ...source, startedWallUs: null, endedWallUs: null } : source;
    const { loss, objectives } = drill((t0) => [undated, recoveryPoint(t0, { commitWallUs: null })], journal);
    expect(loss.recoveryPointAge.status).toBe("not_measured");
    expect(objectives.rpo.verdict).toBe("not_measured");
  });
});

test("the other two numbers say why they are missing", () => {
  const { loss } = drill(() => []);
  expect(loss.lostAcknowledged).toMatchObject({ status: "not_measured" });
  expect(loss.replicationLag).toMatchObject({ status: "not_applicable" });
  const system = { ...ordersSystem(), endpoints: { primary: null, replicas: [{ host: "192.0.2.11", port: 5432 }] } };
  expect(drill(() => [], declared(), drillPlan({ system })).loss.replicationLag.status).toBe("not_measured");
});
