import { describe, expect, test } from "vitest";
import type { Plan } from "../../../src/drills/plan.ts";
import type { ChartEvent } from "../../../src/drills/run-event.ts";
import { outstanding } from "../../../src/machines/run-chart.ts";
import { planOf } from "../../support/machines-plan.ts";
import { record as r } from "../../support/machines-records.ts";
import { actionText, scriptOf } from "../../support/machines-script.ts";

const TWICE = { attempts: 2, delayMs: 1, on: ["transient"] as const };
const TWICE_LATE = { attempts: 2, delayMs: 1, on: ["timeout"] as const };

describe("phases", () => {
  test("run in order, those the plan lacks are passed over, and cleanup comes before the end", () => {
    const { run, say } = scriptOf(planOf({ prepare: [{ id: "a" }], verify: [{ id: "b" }] }));
    expect(run.phase).toBe("idle");
    expect(say(r.started())).toEqual(["beginPhase prepare"]);
    expect(say(r.begun("prepare"))).toEqual(["startStep a 1"]);
    expect(say(r.start("a"))).toEqual([]);
    expect(say(r.success("a"))).toEqual(["beginPhase verify"]);
    expect(say(r.begun("verify"), r.start("b"), r.success("b"))).toEqual(["startStep b 1", "beginCleanup"]);
    expect(run.phase).toBe("cleanup");
    expect(say(r.cleanupBegun(), r.cleanupFinished())).toEqual(["finish"]);
    expect(run.phase).toBe("finished");
    expect(run.stopReason).toBeNull();
  });

  test("a plan without phases goes straight to cleanup", () => {
    const { say } = scriptOf(planOf({}));
    expect(say(r.started())).toEqual(["beginCleanup"]);
  });

  test("a phase without steps is left as soon as it has begun", () => {
    const { say } = scriptOf(planOf({ disaster: [], recover: [{ id: "a" }] }));
    expect(say(r.started(), r.begun("disaster"))).toEqual(["beginPhase disaster", "beginPhase recover"]);
  });

  test.each(["prepare", "disaster", "recover"] as const)("a failure in %s goes to cleanup, not to return", (phase) => {
    const { say, run, states } = scriptOf(planOf({ [phase]: [{ id: "a" }, { id: "b" }], return: [{ id: "z" }] }));
    say(r.started(), r.begun(phase), r.start("a"));
    expect(say(r.error("a"))).toEqual(["skipStep b phase_stopped"]);
    expect(say(r.skip("b", "phase_stopped"))).toEqual(["beginCleanup"]);
    expect(run.stopReason).toEqual({ kind: "step_failed", phase, step: "a" });
    expect(states()).toEqual({ a: "errored", b: "skipped", z: "waiting" });
  });

  test("a failed verify runs all its checks, passes over hold and still returns", () => {
    const { say } = scriptOf(
      planOf({ verify: [{ id: "a" }, { id: "b" }], hold: [{ id: "h" }], return: [{ id: "z" }] }),
    );
    say(r.started(), r.begun("verify"), r.start("a"));
    expect(say(r.checkFailed("a"))).toEqual(["startStep b 1"]);
    expect(say(r.start("b"), r.success("b"))).toEqual(["beginPhase return"]);
  });

  test("a failed verify without return goes to cleanup", () => {
    const { say } = scriptOf(planOf({ verify: [{ id: "a" }], hold: [{ id: "h" }] }));
    expect(say(r.started(), r.begun("verify"), r.start("a"), r.checkFailed("a")).at(-1)).toBe("beginCleanup");
  });

  test("a failed hold still returns", () => {
    const { say } = scriptOf(planOf({ hold: [{ id: "h" }], return: [{ id: "z" }] }));
    expect(say(r.started(), r.begun("hold"), r.start("h"), r.checkFailed("h")).at(-1)).toBe("beginPhase return");
  });

  test("an optional failure stops nothing", () => {
    const { say } = scriptOf(planOf({ recover: [{ id: "a", required: false }, { id: "b" }] }));
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.error("a"))).toEqual(["startStep b 1"]);
  });

  test("a required step passed over by its condition stops nothing", () => {
    const { say } = scriptOf(planOf({ recover: [{ id: "a" }, { id: "b" }] }));
    say(r.started(), r.begun("recover"));
    expect(say(r.skip("a"))).toEqual(["startStep b 1"]);
    expect(say(r.skip("b"))).toEqual(["beginCleanup"]);
  });

  test("a failure stops what runs beside it, and the phase is left when that has ended", () => {
    const { say } = scriptOf(
      planOf({
        recover: [
          { id: "a", needs: [] },
          { id: "b", needs: [] },
          { id: "c", needs: ["b"] },
        ],
      }),
    );
    expect(say(r.started(), r.begun("recover"), r.start("a"), r.start("b")).slice(1)).toEqual([
      "startStep a 1",
      "startStep b 1",
    ]);
    expect(say(r.error("a"))).toEqual(["stopStep b 1", "skipStep c phase_stopped"]);
    expect(say(r.skip("c", "phase_stopped"))).toEqual([]);
    expect(say(r.stopped("b"))).toEqual(["beginCleanup"]);
  });
});

describe("needs", () => {
  test("a step starts as soon as all it needs succeeded", () => {
    const steps = [
      { id: "a", needs: [] },
      { id: "b", needs: [] },
      { id: "c", needs: ["a", "b"] },
    ];
    const { say } = scriptOf(planOf({ verify: steps }));
    say(r.started(), r.begun("verify"), r.start("a"), r.start("b"));
    expect(say(r.success("a"))).toEqual([]);
    expect(say(r.success("b"))).toEqual(["startStep c 1"]);
  });

  test("what needs a step that did not succeed is passed over, and so is what needs that", () => {
    const steps = [
      { id: "a", needs: [] },
      { id: "b", needs: ["a"] },
      { id: "c", needs: ["b"] },
      { id: "d", after: "c" },
    ];
    const { say, states } = scriptOf(planOf({ verify: steps }));
    say(r.started(), r.begun("verify"), r.start("a"));
    expect(say(r.checkFailed("a"))).toEqual(["skipStep b needs_not_met"]);
    expect(say(r.skip("b", "needs_not_met"))).toEqual(["skipStep c needs_not_met"]);
    expect(say(r.skip("c", "needs_not_met"))).toEqual(["startStep d 1"]);
    expect(states()).toEqual({ a: "check_failed", b: "skipped", c: "skipped", d: "ready" });
  });
});

describe("attempts", () => {
  test("an error of a retried class is tried again until there is no attempt left", () => {
    const { say, run, states } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE }] }));
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.error("a", 1, "transient"))).toEqual(["scheduleRetry a 2"]);
    expect(say(r.retryScheduled("a", 2))).toEqual([]);
    expect(say(r.retryDue("a", 2))).toEqual(["startStep a 2"]);
    expect(run.steps.get("a")?.attempt).toBe(2);
    expect(say(r.start("a", 2), r.error("a", 2, "transient"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ a: "errored" });
  });

  test.each(["permanent", "subject", "timeout"] as const)(
    "an error of class %s is not, unless it is named",
    (failure) => {
      const { say } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE }] }));
      say(r.started(), r.begun("recover"), r.start("a"));
      expect(say(r.error("a", 1, failure))).toEqual(["beginCleanup"]);
    },
  );

  test("a step that takes too long is stopped, and has timed out when it has stopped", () => {
    const { say, states } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE }] }));
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.late("a"))).toEqual(["stopStep a 1"]);
    expect(say(r.stopped("a"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ a: "timed_out" });
  });

  test("a timeout is tried again where the policy names timeouts", () => {
    const { say } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE_LATE }] }));
    say(r.started(), r.begun("recover"), r.start("a"), r.late("a"));
    expect(say(r.stopped("a"))).toEqual(["scheduleRetry a 2"]);
    expect(say(r.retryScheduled("a", 2), r.retryDue("a", 2), r.start("a", 2), r.late("a", 2))).toEqual([
      "startStep a 2",
      "stopStep a 2",
    ]);
    expect(say(r.stopped("a", 2))).toEqual(["beginCleanup"]);
  });

  test("a stop by order takes the next attempt away from a step that was late", () => {
    const { say, states } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE_LATE }] }));
    say(r.started(), r.begun("recover"), r.start("a"), r.late("a"));
    expect(say(r.halt())).toEqual(["armStoppingDeadline"]);
    expect(say(r.stopped("a"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ a: "stopped" });
  });

  test("a step that waits for its next attempt is passed over when the run stops", () => {
    const { say } = scriptOf(planOf({ recover: [{ id: "a", retry: TWICE }] }));
    say(r.started(), r.begun("recover"), r.start("a"), r.error("a", 1, "transient"), r.retryScheduled("a", 2));
    expect(say(r.halt())).toEqual(["armStoppingDeadline", "skipStep a halted"]);
    expect(say(r.retryDue("a", 2))).toEqual([]);
    expect(say(r.skip("a", "halted"))).toEqual(["beginCleanup"]);
  });

  test("a step that does not stop is left behind", () => {
    const { say, states } = scriptOf(planOf({ recover: [{ id: "a" }] }));
    say(r.started(), r.begun("recover"), r.start("a"), r.late("a"));
    expect(say(r.overdue("a"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ a: "abandoned" });
  });

  test("an outcome that was there before the stop counts", () => {
    const { say, states } = scriptOf(planOf({ recover: [{ id: "a" }] }));
    say(r.started(), r.begun("recover"), r.start("a"), r.halt());
    expect(say(r.success("a"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ a: "succeeded" });
  });

  test("input that cannot be worked out is an error though nothing was begun", () => {
    const { say, states } = scriptOf(planOf({ recover: [{ id: "a" }] }));
    expect(say(r.started(), r.begun("recover"), r.error("a"))).toContain("beginCleanup");
    expect(states()).toEqual({ a: "errored" });
  });
});

describe("stopping", () => {
  const plan = planOf({ recover: [{ id: "a" }, { id: "b" }], verify: [{ id: "c" }] });

  test("a halt stops what runs, passes over the rest of the phase and cleans up", () => {
    const { say, run } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.halt("halt"))).toEqual(["armStoppingDeadline", "stopStep a 1", "skipStep b halted"]);
    expect(run.phase).toBe("stopping");
    expect(run.stopReason).toEqual({ kind: "halted", by: "halt", reason: "test", who: null });
    expect(say(r.skip("b", "halted"), r.stopped("a"))).toEqual(["beginCleanup"]);
  });

  test("a second halt changes nothing, and none skips cleanup", () => {
    const { say, run } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.start("a"), r.halt("signal"));
    expect(say(r.halt("halt"))).toEqual([]);
    expect(run.stopReason).toMatchObject({ by: "signal" });
    say(r.skip("b", "halted"), r.stopped("a"), r.cleanupBegun());
    expect(say(r.halt())).toEqual([]);
    expect(run.phase).toBe("cleanup");
  });

  test("a halt before the start goes to cleanup", () => {
    expect(scriptOf(plan).say(r.halt())).toEqual(["beginCleanup"]);
  });

  test("a halt between a phase's order and its beginning starts nothing", () => {
    const { say } = scriptOf(plan);
    say(r.started());
    expect(say(r.halt())).toEqual(["armStoppingDeadline", "skipStep a halted", "skipStep b halted"]);
    expect(say(r.begun("recover"))).toEqual([]);
  });

  test("a start that crossed the stop is stopped", () => {
    const { say, states } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.halt());
    expect(say(r.start("a"))).toEqual(["stopStep a 1"]);
    say(r.stopped("a"));
    expect(states()).toMatchObject({ a: "stopped" });
  });

  test("a phase's deadline is like a halt", () => {
    const { say, run } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.phaseLate("recover"))).toEqual(["armStoppingDeadline", "stopStep a 1", "skipStep b halted"]);
    expect(run.stopReason).toEqual({ kind: "phase_deadline", phase: "recover" });
  });

  test("a step in doubt stops the run, even an optional one", () => {
    const { say, run } = scriptOf(
      planOf({
        recover: [
          { id: "a", required: false, needs: [] },
          { id: "b", needs: [] },
        ],
      }),
    );
    say(r.started(), r.begun("recover"), r.start("a"), r.start("b"));
    expect(say(r.doubt("a"))).toEqual(["armStoppingDeadline", "stopStep b 1"]);
    expect(run.stopReason).toEqual({ kind: "in_doubt", step: "a" });
    expect(say(r.stopped("b"))).toEqual(["beginCleanup"]);
  });

  test("no deadline is armed for stopping when nothing runs", () => {
    const { say } = scriptOf(planOf({ recover: [{ id: "a" }] }));
    say(r.started(), r.begun("recover"), r.start("a"));
    expect(say(r.doubt("a"))).toEqual(["beginCleanup"]);
  });

  test("the deadline of stopping leaves behind what still runs; what it says later is ignored", () => {
    const { say, states } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.start("a"), r.halt());
    expect(say(r.stoppingLate())).toEqual(["beginCleanup"]);
    expect(states()).toMatchObject({ a: "abandoned", b: "skipped" });
    expect(say(r.stopped("a"), r.overdue("a"), r.success("a"), r.skip("b"))).toEqual([]);
  });

  test("cleanup ends by its deadline too, and nothing is asked after the end", () => {
    const { say } = scriptOf(planOf({}));
    say(r.started(), r.cleanupBegun());
    expect(say(r.cleanupLate())).toEqual(["finish"]);
    expect(say(r.cleanupFinished(), r.halt(), r.started(), r.cleanupLate())).toEqual([]);
  });
});

describe("guards", () => {
  const plan = planOf({ disaster: [{ id: "kill", effect: "disruptive", retry: TWICE }] });

  test("a disruptive step starts behind its guards only, every time", () => {
    const { say } = scriptOf(plan);
    expect(say(r.started(), r.begun("disaster")).at(-1)).toBe("checkGuard kill 1");
    expect(say(r.start("kill"))).toEqual([]);
    expect(say(r.guardPassed("kill"))).toEqual(["startStep kill 1"]);
    say(r.start("kill"), r.error("kill", 1, "transient"), r.retryScheduled("kill", 2));
    expect(say(r.retryDue("kill", 2))).toEqual(["checkGuard kill 2"]);
    expect(say(r.guardPassed("kill", 1))).toEqual([]);
  });

  test("a guard that refuses stops the run; the step never runs", () => {
    const { say, run, states } = scriptOf(plan);
    say(r.started(), r.begun("disaster"));
    expect(say(r.guardRefused("kill"))).toEqual(["armStoppingDeadline", "skipStep kill halted"]);
    expect(run.stopReason).toEqual({ kind: "guard_refused", step: "kill", message: "no" });
    expect(say(r.start("kill"))).toEqual([]);
    expect(say(r.skip("kill", "halted"))).toEqual(["beginCleanup"]);
    expect(states()).toEqual({ kill: "skipped" });
  });
});

describe("records that say nothing new", () => {
  const plan = planOf({ recover: [{ id: "a", retry: TWICE }], verify: [{ id: "v" }] });

  test("of unknown steps, unknown types, other phases and other attempts are ignored", () => {
    const { say } = scriptOf(plan);
    say(r.started(), r.begun("recover"), r.start("a"));
    // A journal holds records the charts do not know, and a name that every object has.
    const unknown = ["mark", "constructor", "__proto__", "*", "xstate.stop", "NEEDS_MET", "STOP"].map(
      (type) => ({ type, data: {} }) as never,
    );
    expect(say(...unknown)).toEqual([]);
    expect(say(r.success("nobody"), r.success("a", 2), r.phaseLate("verify"), r.begun("verify"))).toEqual([]);
  });

  test("twice are ignored the second time", () => {
    const { say } = scriptOf(plan);
    expect(say(r.started(), r.started())).toEqual(["beginPhase recover"]);
    expect(say(r.begun("recover"), r.begun("recover"))).toEqual(["startStep a 1"]);
    expect(say(r.start("a"), r.start("a"), r.success("a"), r.success("a"))).toEqual(["beginPhase verify"]);
    expect(say(r.success("a"), r.error("a", 1, "transient"), r.begun("recover"))).toEqual([]);
  });
});

describe("outstanding", () => {
  const asked = (plan: Plan, ...events: readonly ChartEvent[]): readonly string[] => {
    const script = scriptOf(plan);
    script.say(...events);
    return outstanding(script.run).map((action) => actionText(action));
  };

  test("is what was asked and not answered", () => {
    const plan = planOf({
      recover: [
        { id: "a", needs: [], retry: TWICE },
        { id: "b", needs: [] },
      ],
    });
    expect(asked(plan)).toEqual([]);
    expect(asked(plan, r.started())).toEqual(["beginPhase recover"]);
    expect(asked(plan, r.started(), r.begun("recover"), r.start("b"))).toEqual(["startStep a 1"]);
    const broken = [r.started(), r.begun("recover"), r.start("a"), r.start("b"), r.error("a", 1, "transient")] as const;
    expect(asked(plan, ...broken)).toEqual(["scheduleRetry a 2"]);
    expect(asked(plan, ...broken, r.retryScheduled("a", 2))).toEqual([]);
    expect(asked(plan, ...broken, r.halt())).toEqual(["armStoppingDeadline", "skipStep a halted", "stopStep b 1"]);
    expect(asked(plan, ...broken, r.halt(), r.stoppingLate())).toEqual(["beginCleanup"]);
    expect(asked(plan, r.halt(), r.cleanupFinished())).toEqual(["finish"]);
  });
});
