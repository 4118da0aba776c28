import { expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { renderJunit } from "../../../src/evidence/junit.ts";
import { drillPlan } from "../../support/measure-plan.ts";
import { type Drill, failedDrill, hostileDrill, passedDrill } from "../../support/measure-report.ts";
import { brokenSituations } from "../../support/measure-situations-broken.ts";
import { failedSituations } from "../../support/measure-situations-failed.ts";
import { inconclusiveSituations } from "../../support/measure-situations-inconclusive.ts";

const junit = ({ plan, journal }: Drill): string => renderJunit(measure(plan, journal.records));

test("a drill that passed is a suite without failures", () => {
  const xml = junit(passedDrill());
  expect(xml).toContain('tests="11" failures="0" errors="0" skipped="0"');
  expect(xml).toContain('<testcase classname="firedrill.restore-latest.objectives" name="RTO" time="12.720"/>');
});

test("a damaged backup is a failure, what could not be measured an error, what did not run is skipped", () => {
  const xml = junit(failedDrill());
  expect(xml).toContain('failures="3" errors="1" skipped="2"');
  expect(xml).toMatch(/name="Restore the backup \(restore\)" time="1\.800"><failure message="BACKUP_CHECKSUM /u);
  expect(xml).toMatch(/name="RPO" time="0\.000"><error message="not recovered/u);
});

test("hostile text stays inside its attribute, and what XML cannot hold is replaced", () => {
  const xml = junit(hostileDrill());
  expect(xml).not.toContain("<script");
  expect(xml).not.toMatch(/(?!\n)\p{Cc}/u);
  expect(xml.replaceAll(/"[^"<>]*"/gu, "")).not.toMatch(/["']alert/u);
});

test.each(
  [...brokenSituations, ...failedSituations, ...inconclusiveSituations].filter(({ exitCode }) => exitCode !== 0),
)("a run that exits other than 0 is no green suite: $name", ({ plan, journal }) => {
  const xml = renderJunit(measure(plan ?? drillPlan(), journal().records));
  expect(xml).not.toContain('failures="0" errors="0"');
});
