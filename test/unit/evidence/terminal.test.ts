import { describe, expect, test } from "vitest";
import { describeEvent } from "../../../src/cli/terminal/describe-event.ts";
import { paintFor } from "../../../src/cli/terminal/paint.ts";
import { verdictText } from "../../../src/cli/terminal/verdict-text.ts";
import { measure } from "../../../src/drills/measure.ts";
import { failover, failoverPlan, type FailoverChanges, marker } from "../../support/measure-failover.ts";
import { type Drill, failoverDrill, hostileDrill, lossyDrill, passedDrill } from "../../support/measure-report.ts";

const shown = ({ plan, journal }: Drill): string => verdictText(measure(plan, journal.records), paintFor(false));
const section = (text: string): readonly string[] =>
  text.slice(text.indexOf("Failover\n")).split("\n\n")[0]?.split("\n").slice(1) ?? [];
const changed = (changes: FailoverChanges): string => shown({ plan: failoverPlan(), journal: failover(changes) });

describe("the verdict in the terminal", () => {
  test("says in four lines who took over, what it took, the outage and the loss", () => {
    expect(section(shown(failoverDrill()))).toEqual([
      "  b promoted: most advanced of 2: 3.8 KiB before c; a fenced (already down)",
      "  detection 5.00 ms, decision 4.03 s, start 0 s, fencing 260.0 ms, choice 50.0 ms, promotion 550.0 ms, first write 40.0 ms",
      "  clients' outage: 4.93 s ±0.02; 1 more outage in the run",
      "  0 of 48,210 acknowledged transactions lost",
    ]);
    expect(section(shown(lossyDrill())).at(-1)).toBe(
      "  acknowledged writes from 2026-11-21 03:00:00.700 to 03:00:01.106 UTC are gone (36 of 48,210, 4 writers)",
    );
  });

  test("gives the reason in place of a number that is missing", () => {
    const silent = { newestBeforeT0: marker(400), newestSurvivor: marker(400) };
    const text = changed({ outages: null, loss: silent });
    expect(text).toContain("  clients' outage not measured: the prober's log was not read");
    expect(text).toContain("  loss not measured: the writers were silent for 710.0 ms before T0");
  });

  test("of a restore has no such part", () => {
    expect(shown(passedDrill())).not.toContain("Failover");
  });

  test("shows hostile text as one safe line each", () => {
    const { journal } = hostileDrill();
    for (const line of [shown(hostileDrill()), ...journal.records.map((record) => describeEvent(record) ?? "")]) {
      expect(/(?!\n)\p{Cc}|\u202E/u.exec(line)).toBeNull();
    }
  });
});

test("the log names what a failover did", () => {
  const lines = failoverDrill().journal.records.map(describeEvent);
  expect(lines).toEqual(
    expect.arrayContaining([
      "fault fault/kill on a: SIGKILL to the postmaster and its children",
      "approved by dana after 4.00 s: Fail over to b?",
      "b promoted to timeline 2: most advanced of 2: 3.8 KiB before c",
      "0 of 48,210 acknowledged transactions lost",
    ]),
  );
});
