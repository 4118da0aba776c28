import * as fc from "fast-check";
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import { begun, heartbeat, recoveryPoint, server } from "./measure-drill.ts";
import type { JournalBuilder } from "./measure-journal.ts";
import { drillPlan, holdStep, restoreSteps } from "./measure-plan.ts";

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
  endings: fc.array(fc.tuple(ending, disturbance, fc.integer({ min: 1, max: 20_000 })), { minLength: 7, maxLength: 7 }),
  mostlyWell: fc.boolean(),
  rtoMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: null }),
  rpoMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: null }),
  clock: fc.constantFrom("total", "technical"),
  hold: fc.boolean(),
  beat: fc.option(fc.integer({ min: -2000, max: 60_000 }), { nil: null }),
  point: fc.option(fc.integer({ min: -2000, max: 60_000 }), { nil: null }),
  durability: fc.constantFrom("production", "throwaway"),
  left: fc.constantFrom("gone", "gone", "gone", "left", "unasked"),
  finished: fc.constantFrom(true, true, true, false),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

export const anyDrill: fc.Arbitrary<AnyDrill> = shape.map(build);

function build(form: Shape): AnyDrill {
  const steps = form.hold ? [...restoreSteps(), holdStep()] : restoreSteps();
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
  if (step === "declare") journal.mark("T0");
  if (step === "sandbox") journal.resource("sb-1");
  if (step === "hold") journal.after(2000).mark("T7");
  if (step !== "restore") return;
  journal.mark("T4").mark("T5").fact("restore", server(form.durability));
  if (form.point !== null) journal.fact("restore", recoveryPoint(t0, { commitWallUs: t0 - form.point * 1000 }));
  if (form.beat !== null) journal.fact("restore", heartbeat(t0, { newestWallUs: t0 - form.beat * 1000 }));
}

function cleaned(journal: JournalBuilder, form: Shape): JournalBuilder {
  if (!form.finished) return journal;
  journal.beginCleanup();
  if (form.left === "left") return journal.leftover("sb-1").endCleanup(1);
  return journal.destroyed("sb-1", form.left === "unasked" ? "" : "looked").endCleanup();
}
