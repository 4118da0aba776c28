import * as fc from "fast-check";
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import { begun, heartbeat, recoveryPoint, server } from "./measure-drill.ts";
import type { JournalBuilder } from "./measure-journal.ts";
import {
  atMs,
  canaryLoss,
  fencing,
  marker,
  outage,
  outages,
  promotion,
  replication,
  someLost,
  traffic,
  waited,
  wrongRows,
} from "./measure-failover.ts";
import { drillPlan, holdStep, planStep, restoreSteps } from "./measure-plan.ts";

/** Drills in which any step may end any way: not only those an engine would let happen. */
export interface AnyDrill {
  readonly plan: Plan;
  readonly journal: JournalBuilder;
}

const ending = fc.constantFrom(
  "ok",
  "no",
  "subject",
  "transient",
  "permanent",
  "timeout",
  "deadline",
  "condition",
  "stopped",
  "empty",
  "silent",
  "nothing",
);
const disturbance = fc.constantFrom("none", "none", "none", "none", "halt", "resume", "reboot", "wall", "deviation");

const shape = fc.record({
  endings: fc.array(fc.tuple(ending, disturbance, fc.integer({ min: 1, max: 20_000 })), { minLength: 8, maxLength: 8 }),
  mostlyWell: fc.boolean(),
  rtoMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: null }),
  rpoMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: null }),
  clock: fc.constantFrom("total", "technical"),
  hold: fc.boolean(),
  beat: fc.option(fc.integer({ min: -2000, max: 60_000 }), { nil: null }),
  point: fc.option(fc.integer({ min: -2000, max: 60_000 }), { nil: null }),
  durability: fc.constantFrom("production", "throwaway"),
  canary: fc.option(
    fc.record({
      phase: fc.constantFrom("declare", "restore", "rows", "ledger"),
      quiet: fc.integer({ min: 0, max: 20_000 }),
      lost: fc.option(
        fc.record({ first: fc.integer({ min: -500, max: 20_000 }), gap: fc.integer({ min: 0, max: 500 }) }),
        { nil: null },
      ),
      before: fc.boolean(),
      altered: fc.constantFrom(0, 0, 0, 2),
    }),
    { nil: null },
  ),
  outage: fc.option(
    fc.record({ from: fc.integer({ min: -3000, max: 3000 }), length: fc.option(fc.nat(9000), { nil: null }) }),
    { nil: null },
  ),
  taken: fc.boolean(),
  wait: fc.option(fc.record({ from: fc.integer({ min: -5000, max: 5000 }), length: fc.nat(9000) }), { nil: null }),
  left: fc.constantFrom("gone", "gone", "gone", "left", "unasked"),
  finished: fc.constantFrom(true, true, true, false),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

export const anyDrill: fc.Arbitrary<AnyDrill> = shape.map(build);

function build(form: Shape): AnyDrill {
  const ledger = planStep("ledger", "return", { uses: "traffic/stop" });
  const steps = [...restoreSteps(), ...(form.hold ? [holdStep()] : []), ...(form.canary === null ? [] : [ledger])];
  const { rtoMs, rpoMs, clock } = form;
  const plan = drillPlan({ steps, objectives: { rtoMs, rpoMs, clock, holdMs: form.hold ? 2000 : 0 } });
  const journal = begun();
  for (const [index, step] of steps.entries()) {
    if (index === 0 || steps[index - 1]?.phase !== step.phase) journal.phase(step.phase);
    const [end, disturb, ms] = form.endings[index] ?? ["ok", "none", 1];
    disturbed(journal, form.mostlyWell ? "none" : disturb);
    ended(journal, step, form.mostlyWell ? "ok" : end, ms, form);
  }
  return { plan, journal: cleaned(journal, form) };
}

function disturbed(journal: JournalBuilder, how: string): void {
  if (how === "halt") journal.halt("signal");
  if (how === "resume") journal.resume();
  if (how === "reboot") journal.reboots(30_000).resume(true);
  if (how === "wall") journal.wallJumps(-3_600_000);
  if (how === "deviation") journal.deviation("SOMETHING");
}

function ended(journal: JournalBuilder, step: PlanStep, how: string, ms: number, form: Shape): void {
  if (how === "nothing") return;
  if (how === "condition") return void journal.skip(step.id, "condition");
  if (how === "stopped") return void journal.skip(step.id, "phase_stopped");
  if (how === "subject" || how === "transient" || how === "permanent" || how === "timeout")
    return void journal.errors(step.id, how, ms);
  if (how === "deadline") return void journal.timesOut(step.id, ms);
  if (how === "no") return void journal.checkFails(step.id, ms);
  journal.begin(step.id).after(ms);
  observed(journal, step.id, form);
  if (step.role === "action" || how === "silent") return void journal.succeed(step.id);
  const coverage = how === "empty" ? { checked: 0, total: 0, unit: "rows" } : null;
  journal.succeed(step.id, { check: { title: step.id, expected: "a", actual: "a", coverage } });
}

function observed(journal: JournalBuilder, step: string, form: Shape): void {
  const t0 = journal.records.find((record) => record.type === "mark")?.wallUs ?? journal.wallUs;
  if (form.canary !== null) tookOver(journal, step, form);
  if (step === "declare") journal.mark("T0");
  if (step === "sandbox") journal.resource("sb-1");
  if (step === "hold") journal.after(2000).mark("T7");
  if (step !== "restore") return;
  journal.mark("T4").mark("T5").fact("restore", server(form.durability));
  if (form.point !== null) journal.fact("restore", recoveryPoint(t0, { commitWallUs: t0 - form.point * 1000 }));
  if (form.beat !== null) journal.fact("restore", heartbeat(t0, { newestWallUs: t0 - form.beat * 1000 }));
}

/** Facts of a failover, at any time around T0, also where no engine would put them. */
function tookOver(journal: JournalBuilder, step: string, form: Shape): void {
  const t0 = journal.records.find((record) => record.type === "mark");
  const t0Ms = ((t0?.monoUs ?? 5_000_000_000) - 5_000_000_000) / 1000;
  if (step === "backup") journal.fact(step, replication(Math.max(0, t0Ms - 100))).fact(step, traffic());
  if (step === "restore" && form.taken) {
    const times = { asked: atMs(t0Ms + 10), promoted: atMs(t0Ms + 900) };
    journal
      .fact(step, fencing())
      .fact(step, promotion(times))
      .fact(step, replication(t0Ms + 1500));
  }
  if (step === "rows" && form.wait !== null)
    journal.fact(step, waited(t0Ms + form.wait.from, t0Ms + form.wait.from + form.wait.length));
  if (step === "ledger" && form.outage !== null) journal.fact(step, outages(outageOf(t0Ms, form.outage)));
  if (step === form.canary?.phase) journal.fact(step, canaryLoss(canaryOf(t0Ms, form.canary)));
}

function outageOf(t0Ms: number, { from, length }: NonNullable<Shape["outage"]>): Parameters<typeof outages>[0] {
  const times = { lastGood: atMs(t0Ms + from - 8), firstFailed: atMs(t0Ms + from) };
  const back = length === null ? null : atMs(t0Ms + from + length);
  return {
    outages: [outage({ ...times, firstRead: back, firstWrite: back })],
    watchedFrom: atMs(t0Ms - 5000),
    watchedTo: atMs(t0Ms + 20_000),
  };
}

function canaryOf(
  t0Ms: number,
  { quiet, lost, before, altered }: NonNullable<Shape["canary"]>,
): Parameters<typeof canaryLoss>[0] {
  const newest = { newestBeforeT0: marker(t0Ms - quiet), newestSurvivor: marker(t0Ms - quiet) };
  if (lost === null) return { ...newest, ...wrongRows({ altered }) };
  const some = someLost(newest);
  if (some.lost === null || some.lost === undefined) return newest;
  const [first, last] = [marker(t0Ms - lost.first), marker(t0Ms - lost.first + 40)];
  return {
    ...some,
    lost: { ...some.lost, first, last },
    survivorBeforeLoss: before ? marker(t0Ms - lost.first - lost.gap - 1) : null,
  };
}

function cleaned(journal: JournalBuilder, form: Shape): JournalBuilder {
  if (!form.finished) return journal;
  journal.beginCleanup();
  if (form.left === "left") return journal.leftover("sb-1").endCleanup(1);
  return journal.destroyed("sb-1", form.left === "unasked" ? "" : "looked").endCleanup();
}
