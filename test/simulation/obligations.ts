import type { Recorded } from "../../src/drills/run-event.ts";
import type { Mirror } from "./mirror.ts";
import { limitsForSimulation } from "./sim-limits.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimTime } from "./sim-time.ts";
import { must } from "./violation.ts";

interface Owed {
  readonly what: string;
  readonly dueUs: number;
  /** How long it may take whoever takes the run over, from then on. */
  readonly anewUs: number;
  /** Whether it has been done, or is not owed any more. */
  readonly met: () => boolean;
}

/** Timers ring late, and a record waits for two slow syncs. */
const SLACK_US = 4_000_000;

/** What must have happened by an instant, as long as there is a process to do it. */
export class Obligations {
  readonly #mirror: Mirror;
  readonly #time: SimTime;
  #owed: Owed[] = [];
  /** Since when the present process could have done it. */
  #aliveSinceUs = 0;

  constructor(mirror: Mirror, time: SimTime) {
    this.#mirror = mirror;
    this.#time = time;
  }

  /** `afterUs` from now. */
  owe(what: string, afterUs: number, met: () => boolean, anewUs = 0): void {
    this.#owed.push({ what, dueUs: this.#time.nowUs + afterUs, anewUs, met });
  }

  /** Nobody could do anything for a while. */
  excuse(): void {
    this.#aliveSinceUs = this.#time.nowUs;
  }

  /** Nobody knows any more when things are due: the machine was restarted, and its wall clock had been set. */
  forget(): void {
    this.#owed = [];
  }

  check(process: SimProcess | null): void {
    if (process === null || !process.alive || process.isStopped || this.#owed.length === 0) return;
    const now = this.#time.nowUs - SLACK_US;
    const isLate = ({ dueUs, anewUs }: Owed): boolean => now > Math.max(dueUs, this.#aliveSinceUs + anewUs);
    if (!this.#owed.some(isLate)) return;
    this.#owed = this.#owed.filter(({ met }) => !met());
    const late = this.#owed.find(isLate);
    must(
      late === undefined,
      `too late by ${Math.round((now + SLACK_US - (late?.dueUs ?? 0)) / 1000)} ms: ${late?.what ?? ""}`,
    );
  }

  /** A record became durable: what it obliges to. */
  hear(record: Recorded, process: SimProcess | null): void {
    const mirror = this.#mirror;
    const leftUs = (deadlineMonoUs: number): number => deadlineMonoUs - (process?.clock.monoUs() ?? record.monoUs);
    switch (record.type) {
      case "run.started":
      case "run.resumed":
        this.excuse();
        // A cleanup that was interrupted goes on with time of its own.
        return mirror.cleanupBegun ? this.#oweCleanup(limitsForSimulation.cleanupMs * 1000) : undefined;
      case "step.started": {
        const { step: id, attempt } = record.data;
        const over = (): boolean => {
          const step = mirror.steps.get(id);
          return (
            mirror.winding || step === undefined || step.state !== "running" || step.attempt !== attempt || step.late
          );
        };
        return this.owe(`the deadline of ${id}`, leftUs(record.data.deadlineMonoUs), over);
      }
      case "step.deadline_passed": {
        const { step: id, attempt } = record.data;
        const over = (): boolean =>
          mirror.cleanupBegun || mirror.steps.get(id)?.state !== "running" || mirror.steps.get(id)?.attempt !== attempt;
        const graceUs = limitsForSimulation.stopGraceMs * 1000;
        // What a dead process was to stop has stopped; only what has to be asked for takes time.
        const anewUs = mirror.steps.get(id)?.step.idempotent === true ? 0 : graceUs;
        return this.owe(`the end of ${id} after its deadline`, graceUs, over, anewUs);
      }
      case "step.retry_scheduled": {
        const { step: id, attempt } = record.data;
        const over = (): boolean =>
          mirror.winding ||
          mirror.phaseFailed ||
          mirror.steps.get(id)?.state !== "backoff" ||
          mirror.steps.get(id)?.attempt !== attempt;
        return this.owe(`the retry of ${id}`, leftUs(record.data.dueMonoUs), over);
      }
      case "phase.begun": {
        const { phase } = record.data;
        return this.owe(
          `the deadline of ${phase}`,
          leftUs(record.data.deadlineMonoUs),
          () => mirror.winding || mirror.phase?.name !== phase,
        );
      }
      case "step.in_doubt":
      case "step.guard_refused":
      case "phase.deadline_passed":
      case "run.halted":
        return this.#oweTheEnd(record.type);
      case "cleanup.begun":
        return this.#oweCleanup(leftUs(record.data.deadlineMonoUs));
      case "cleanup.finished":
      case "cleanup.deadline_passed":
        return this.owe("the verdict", 0, () => mirror.finished !== null);
      default:
    }
  }

  #oweTheEnd(why: string): void {
    const stoppingUs = limitsForSimulation.stoppingMs * 1000;
    this.owe(`cleanup after ${why}`, stoppingUs, () => this.#mirror.cleanupBegun, stoppingUs);
  }

  #oweCleanup(afterUs: number): void {
    const { epoch } = this.#mirror;
    this.owe("the end of cleanup", afterUs, () => this.#mirror.ended || this.#mirror.epoch !== epoch);
  }
}
