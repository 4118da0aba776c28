import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { CompiledPlan, RunState } from "../../../src/machines/run-chart.ts";
import { advance, compilePlan, createRun } from "../../../src/machines/run-chart.ts";
import { anyPlan, anyTape } from "../../support/machines-arbitrary.ts";
import { actionText } from "../../support/machines-script.ts";
import { type Check, type Played, play } from "../../support/machines-world.ts";

// Sixty runs a test, each with its crashes: seconds on a machine that does other things as well.
vi.setConfig({ testTimeout: 60_000 });

const nothing: Check = () => undefined;

/** Plays any plan in any world and hands what happened to `look`. */
function forAnyRun(look: (played: Played, compiled: CompiledPlan) => void, check: Check = nothing): void {
  fc.assert(
    fc.property(anyPlan, anyTape, (plan, tape) => {
      const compiled = compilePlan(plan);
      look(play(compiled, tape, check), compiled);
    }),
    { numRuns: 60, plugins: [fc.interruptAfterTimeLimit(20_000, { failOnInterrupt: true })] },
  );
}

test("every run ends: cleanup once, then finish once, and nothing after it", () => {
  forAnyRun(({ asked }) => {
    const texts = asked.map(({ text }) => text);
    expect(texts.filter((text) => text === "finish")).toHaveLength(1);
    expect(texts.filter((text) => text === "beginCleanup")).toHaveLength(1);
    expect(texts.slice(-2)).toEqual(["beginCleanup", "finish"]);
  });
});

test("nothing is asked twice: no step starts, stops or is passed over a second time in the same attempt", () => {
  forAnyRun(({ asked }) => {
    const texts = asked.map(({ text }) => text);
    expect(texts).toEqual([...new Set(texts)]);
  });
});

test("no step starts before what it needs succeeded and what it follows ended", () => {
  forAnyRun(noLook, (action, run) => {
    if (action.type !== "startStep" && action.type !== "checkGuard") return;
    const step = run.compiled.plan.steps.find(({ id }) => id === action.step);
    for (const need of step?.needs ?? []) expect(run.steps.get(need)?.state).toBe("succeeded");
    for (const before of step?.after === null ? [] : [step?.after ?? ""])
      expect(run.steps.get(before)?.ended).toBe(true);
  });
});

test("no step starts outside its phase, after a required failure of it, or after a stop", () => {
  forAnyRun(noLook, (action, run) => {
    if (action.type !== "startStep" && action.type !== "checkGuard") return;
    expect(run.compiled.steps.get(action.step)?.phase).toBe(run.phase);
    expect(requiredFailureStops(run)).toBe(false);
  });
});

test("no effect of a disruptive step begins but behind its guards, in every attempt", () => {
  forAnyRun(({ journal }, { plan }) => {
    const disruptive = new Set(plan.steps.filter(({ effect }) => effect === "disruptive").map(({ id }) => id));
    const passed = new Set<string>();
    for (const { type, data } of journal) {
      if (type === "step.guard_passed") passed.add(`${data.step} ${data.attempt}`);
      if (type !== "step.started" || !disruptive.has(data.step)) continue;
      expect(passed).toContain(`${data.step} ${data.attempt}`);
    }
  });
});

test("folding the same records gives the same run and asks for the same, in the same order", () => {
  forAnyRun(({ run, journal, asked }, compiled) => {
    const again = createRun(compiled);
    const texts = journal.flatMap((event) => advance(again, event)).map((action) => actionText(action));
    expect(texts).toEqual(asked.map(({ text }) => text));
    expect(viewOf(again)).toEqual(viewOf(run));
  });
});

test("every step of a phase that began has ended before cleanup; those of other phases never moved", () => {
  forAnyRun(
    ({ run, asked }) => {
      const begun = new Set(asked.map(({ text }) => text).filter((text) => text.startsWith("beginPhase ")));
      for (const { id, ended, state } of run.steps.values()) {
        const hasBegun = begun.has(`beginPhase ${run.compiled.steps.get(id)?.phase}`);
        expect(hasBegun ? ended : state === "waiting").toBe(true);
      }
    },
    (action, run) => {
      if (action.type !== "beginCleanup") return;
      for (const { id } of run.current?.compiled.steps ?? []) expect(run.steps.get(id)?.ended).toBe(true);
    },
  );
});

test("a record that came already changes nothing", () => {
  forAnyRun(({ journal }, compiled) => {
    const run = createRun(compiled);
    const counted = journal.filter((event, index) => {
      advance(run, event);
      const before = viewOf(run);
      const asked = advance(run, journal[(index * 7) % (index + 1)] ?? event);
      return asked.length > 0 || viewOf(run) !== before;
    });
    expect(counted).toEqual([]);
  });
});

const noLook = (): void => undefined;

function requiredFailureStops(run: RunState): boolean {
  return run.current !== null && run.current.failed && run.current.compiled.stopsOnFailure;
}

/** All that can be seen of a run, to be compared. */
function viewOf(run: RunState): string {
  const steps = [...run.steps.values()].map((step) => [step.id, step.state, step.attempt, step.ended, step.skipReason]);
  return JSON.stringify({ phase: run.phase, stopReason: run.stopReason, steps });
}
