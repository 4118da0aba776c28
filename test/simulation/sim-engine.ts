import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { standardGuards } from "../../src/engine/guards/all-guards.ts";
import { type GuardScope, refused } from "../../src/engine/guards/guard-policy.ts";
import type { RunSession } from "../../src/engine/run-session.ts";
import { secretResolver } from "../../src/engine/secret-resolver.ts";
import type { ResourceKeeper } from "../../src/engine/step-contract.ts";
import { approvalStep } from "../../src/steps/approval.ts";
import { declareStep } from "../../src/steps/disaster/declare.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approvals } from "../../src/steps/ports/approvals.ts";
import { createRedactor } from "../../src/support/redact.ts";
import type { Chance } from "./chance.ts";
import type { Monitor } from "./monitor.ts";
import type { SimDisk } from "./sim-disk.ts";
import { limitsForSimulation } from "./sim-limits.ts";
import type { SimPlan } from "./sim-plan.ts";
import type { SimProcess } from "./sim-process.ts";
import { SECRET, simSteps } from "./sim-steps.ts";
import type { SimTime } from "./sim-time.ts";
import type { SimWorld } from "./sim-world.ts";

export interface LifeParts {
  readonly process: SimProcess;
  readonly world: SimWorld;
  readonly disk: SimDisk;
  readonly time: SimTime;
  readonly monitor: Monitor;
  readonly simPlan: SimPlan;
  readonly trouble: number;
  readonly chance: Chance;
  readonly fault: (kind: string) => void;
  readonly onSession: (session: RunSession) => void;
  readonly trace: (text: string) => void;
  /** Whether anybody reads it. */
  readonly isTraced: boolean;
}

export const STATE_ROOT = "/sim";
export const INSTALLATION = "fd-simulation";

/** Everything one life of the engine gets: all of it simulated, all of it through its process. */
export function simEngine(parts: LifeParts): EngineDeps {
  const { process, disk, chance } = parts;
  const steps = [
    ...simSteps({ ...parts, secret: { known: false } }),
    approvalStep({ approvals: simApprovals(parts) }),
    declareStep,
  ];
  const random = chance.fork("random");
  return {
    state: { root: STATE_ROOT, installation: INSTALLATION },
    clock: process.clock,
    timers: process.timers,
    // The engine knows steps by their signatures; each checks its own input.
    steps: new Map(
      steps.map((step) => [step.uses, step as EngineDeps["steps"] extends ReadonlyMap<string, infer S> ? S : never]),
    ),
    keepers: [simKeeper("directory", parts), simKeeper("fault", parts)],
    guard: simGuard(parts),
    stopProbe: simProbe(parts),
    secrets: secretResolver({ SIM_SECRET: SECRET }),
    redactor: createRedactor(),
    log: simLog(parts),
    random: (count) => random.bytes(count),
    orchestrator: {
      pid: process.pid,
      startTicks: process.pid,
      bootId: process.clock.bootId,
      host: "sim",
      user: "sim",
      tool: "firedrill/sim",
    },
    limits: limitsForSimulation,
    crashPoint: (at, about) => process.tick(`${at} ${about}`),
    onSession: parts.onSession,
    files: disk.filesOf(process),
    openJournal: (path, create) => disk.openJournal(process, path, create),
  };
}

function simLog({ trace, isTraced }: LifeParts): EngineDeps["log"] {
  const keep = (fields: Readonly<Record<string, unknown>>, event: string): void => {
    if (isTraced) trace(`log ${event} ${JSON.stringify(fields)}`);
  };
  return { debug: keep, info: keep, warn: keep, error: keep };
}

function simKeeper(
  kind: ResourceKeeper["kind"],
  { process, world, monitor, trouble, chance, fault }: LifeParts,
): ResourceKeeper {
  const own = chance.fork(`keeper/${kind}`);
  const nameOf = (locator: Readonly<Record<string, unknown>>): string => String(locator["name"]);
  return {
    kind,
    list: () => Promise.resolve([]),
    async destroy(locator) {
      await process.ask(`destroy ${nameOf(locator)}`, 0, () => undefined);
      monitor.removes(locator, process);
      const how = own.weighted({ works: 20, slow: 1, throws: trouble * 0.6, hangs: trouble * 0.3 });
      if (how !== "works") fault(`a keeper ${how}`);
      if (how === "hangs") {
        monitor.waitsFor(nameOf(locator));
        return new Promise(() => {});
      }
      if (how === "throws") throw new Error("the keeper broke");
      await process.ask("it goes", how === "slow" ? 6_000_000 : 2000, () => undefined);
      if (!world.stuck.has(nameOf(locator))) world.things.delete(nameOf(locator));
    },
    async verifyGone(locator) {
      await process.ask(`look for ${nameOf(locator)}`, 1000, () => undefined);
      const gone = !world.things.has(nameOf(locator));
      if (!gone) fault("something does not go away");
      return { gone, how: gone ? "it is not listed" : "it is still listed" };
    },
  };
}

/** The real guards, and now and then one that is slow, breaks or says no. */
function simGuard({ process, monitor, trouble, chance, fault, simPlan }: LifeParts): EngineDeps["guard"] {
  const own = chance.fork("guard");
  return {
    async check(step, plan, signal, scope) {
      if (process.alive) monitor.guards(step.id);
      await process.ask(`guards of ${step.id}`, own.between(1, 5000), () => undefined);
      const how = own.weighted({ asks: 20, slow: 1, throws: trouble, refuses: trouble });
      if (how !== "asks") fault(`a guard ${how}`);
      if (how === "throws") throw new Error("the guard broke");
      if (how === "refuses") return refused("not today");
      if (how === "slow") await process.ask("a slow guard", 3_000_000, () => undefined);
      const seen: GuardScope = {
        ...scope,
        lookAtStopConditions: async () => {
          const views = await scope.lookAtStopConditions();
          monitor.looks(
            step.id,
            views.map(({ reading }) => reading.kind),
          );
          return views;
        },
      };
      const answer = await standardGuards.check(step, plan, signal, seen);
      if (answer.kind === "refused" && simPlan.plan.system !== null) fault("the rules refuse");
      return answer;
    },
  };
}

function simProbe({ process, trouble, chance, fault }: LifeParts): EngineDeps["stopProbe"] {
  const own = chance.fork("probe");
  return {
    async evaluate() {
      await process.ask("a look at a stop condition", own.between(100, 50_000), () => undefined);
      const how = own.weighted({
        holds: 40,
        breached: trouble * 2,
        unknown: trouble * 2,
        throws: trouble,
        hangs: trouble,
      });
      if (how !== "holds") fault(`a stop condition: ${how}`);
      if (how === "hangs") return new Promise(() => {});
      if (how === "throws") throw new Error("no connection");
      return { kind: how, seen: how };
    },
  };
}

/** A person who answers some time, or never. The question outlives whoever asked it. */
function simApprovals({ process, world, time, monitor, trouble, chance, fault }: LifeParts): Approvals {
  return {
    async ask(question, signal) {
      const { clock } = process;
      await process.ask(`question of ${question.step}`, 500, () => put(question));
      const asked = world.questions.get(question.step);
      if (asked === undefined) throw new TypeError("the question is gone");
      const dueUs = asked.askedUs + question.timeoutMs * 1000;
      const endUs = Math.min(asked.answeredUs ?? Number.POSITIVE_INFINITY, dueUs);
      await until(endUs, signal);
      const answered = { wallUs: clock.wallUs(), monoUs: clock.monoUs() };
      const before = time.nowUs - asked.askedUs;
      const wasAsked = { wallUs: answered.wallUs - before, monoUs: answered.monoUs - before };
      const decision = endUs === asked.answeredUs ? asked.decision : "timed_out";
      if (decision !== "approved") {
        fault(`an approval: ${decision}`);
        monitor.forbidFor(question.step, "step.errored");
      }
      return {
        decision,
        who: decision === "timed_out" ? null : "ada",
        comment: null,
        asked: wasAsked,
        answered,
        resolutionUs: 100_000,
      } satisfies ApprovalAnswer;
    },
  };

  function put({ step }: ApprovalQuestion): void {
    if (world.questions.has(step)) return;
    const own = chance.fork(`approval/${step}`);
    const answeredUs = own.happens(trouble * 0.2) ? null : time.nowUs + own.between(100_000, 4_000_000);
    world.questions.set(step, {
      askedUs: time.nowUs,
      answeredUs,
      decision: own.happens(trouble * 0.15) ? "declined" : "approved",
    });
  }

  async function until(endUs: number, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const leave = (): void => over.reject(new DOMException("aborted", "AbortError"));
    const disarm = process.timers.at(process.clock.monoUs() + Math.max(0, endUs - time.nowUs), () => over.resolve());
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      await over.promise;
    } finally {
      disarm();
      signal.removeEventListener("abort", leave);
    }
  }
}
