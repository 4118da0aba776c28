/**
 * Watches the plan's stop conditions from the first disruptive step to the begin of cleanup.
 *
 * Owns: when each condition is looked at, and how many breaches in a row there were.
 * Does not: know how a condition is looked at (`StopProbe`), or what a halt leads to (the drill chart).
 *
 * Invariants
 *  W1  A condition is looked at by one look at a time, and each look ends by its deadline.
 *  W2  The loop never waits for a look: a breach is an event in its inbox.
 *  W3  No answer is neither health nor breach, unless the condition says so; a condition that never answered is told of.
 */
import { expectedOf, type StopCondition, type StopReading } from "../drills/stop-condition.ts";
import type { ChartEvent } from "../drills/run-event.ts";
import { show } from "../support/printable.ts";
import type { StopView } from "./guards/guard-policy.ts";
import { lookAtCondition } from "./look-at-condition.ts";
import type { RunSession } from "./run-session.ts";

interface Watched {
  readonly condition: StopCondition;
  looks: number;
  answers: number;
  /** In a row; a look without an answer neither adds to them nor ends the row. */
  breaches: number;
  disarm: () => void;
}

export class StopWatch {
  readonly #session: RunSession;
  readonly #post: (event: ChartEvent) => void;
  readonly #over = new AbortController();
  #watched: readonly Watched[] = [];

  constructor(session: RunSession, post: (event: ChartEvent) => void) {
    this.#session = session;
    this.#post = post;
  }

  /** All conditions once, at the same time: for a guard. */
  async look(): Promise<readonly StopView[]> {
    const { plan } = this.#session;
    return Promise.all(
      plan.guardrails.stopWhen.map(async (condition) => ({ condition, reading: await this.#lookAt(condition) })),
    );
  }

  /** Calling it again changes nothing. */
  begin(): void {
    if (this.#watched.length > 0 || this.#over.signal.aborted) return;
    this.#watched = this.#session.plan.guardrails.stopWhen.map((condition) => ({
      condition,
      looks: 0,
      answers: 0,
      breaches: 0,
      disarm: () => {},
    }));
    for (const watched of this.#watched) void this.#follow(watched);
  }

  /** Stops looking, and gives the conditions that were looked at and never answered (W3). */
  end(): readonly StopCondition[] {
    if (this.#over.signal.aborted) return [];
    this.#over.abort();
    for (const { disarm } of this.#watched) disarm();
    return this.#watched.filter(({ looks, answers }) => looks > 0 && answers === 0).map(({ condition }) => condition);
  }

  async #follow(watched: Watched): Promise<void> {
    const { clock, timers } = this.#session.deps;
    const nextUs = clock.monoUs() + watched.condition.everyMs * 1000;
    const reading = await this.#lookAt(watched.condition); // W1
    if (this.#over.signal.aborted) return;
    this.#judge(watched, reading);
    watched.disarm = timers.at(Math.max(nextUs, clock.monoUs()), () => void this.#follow(watched));
  }

  #judge(watched: Watched, reading: StopReading): void {
    const { condition } = watched;
    watched.looks += 1;
    if (reading.kind !== "unknown") watched.answers += 1;
    const breached = reading.kind === "breached" || (reading.kind === "unknown" && condition.whenUnknown === "stop");
    if (reading.kind === "holds") watched.breaches = 0;
    if (!breached) return;
    watched.breaches += 1;
    if (watched.breaches < condition.breaches) return;
    this.#post({ type: "run.halted", data: { by: "guard", reason: breachOf(condition, reading), who: null } }); // W2
  }

  #lookAt(condition: StopCondition): Promise<StopReading> {
    const { plan, deps } = this.#session;
    return lookAtCondition(condition, plan.system, deps, this.#over.signal);
  }
}

function breachOf(condition: StopCondition, { kind, seen }: StopReading): string {
  const often = condition.breaches > 1 ? `, ${condition.breaches} times in a row` : "";
  const what = kind === "unknown" ? `no answer (${seen})` : seen;
  return `stop condition ${show(condition.title)}: expected ${expectedOf(condition)}, saw ${what}${often}`;
}
