import type { Fact } from "../../src/drills/facts.ts";
import type { MarkName } from "../../src/drills/marks.ts";
import type { PhaseName } from "../../src/drills/phases.ts";
import type {
  CheckDetail,
  FailureClass,
  HaltSource,
  MarkRecord,
  Recorded,
  RunEvent,
  SkipReason,
} from "../../src/drills/run-event.ts";
import type { JsonObject } from "../../src/support/json.ts";

const SKIPPED: Readonly<Record<SkipReason, string>> = {
  condition: "its condition was false",
  needs_not_met: "a step it needs did not succeed",
  phase_stopped: "an earlier step ended the phase",
  halted: "the run was halted",
};

/** A synthetic journal: time moves only when told to, so every number a test expects can be worked out by hand. */
export class JournalBuilder {
  readonly #records: Recorded[] = [];
  #wallUs = Date.UTC(2026, 10, 21, 3, 0, 0) * 1000;
  #monoUs = 5_000_000_000;
  #boot = "boot-a";
  #epoch = 1;

  get records(): readonly Recorded[] {
    return this.#records;
  }

  get wallUs(): number {
    return this.#wallUs;
  }

  after(ms: number): this {
    this.#wallUs += ms * 1000;
    this.#monoUs += ms * 1000;
    return this;
  }

  /** Only the wall clock moves, as when a time server corrects it. */
  wallJumps(ms: number): this {
    this.#wallUs += ms * 1000;
    return this;
  }

  /** Another boot of the machine: the monotonic clock starts anew, `ms` later by the wall clock. */
  reboots(ms: number): this {
    this.#wallUs += ms * 1000;
    this.#monoUs = 20_000_000;
    this.#boot = `${this.#boot}+`;
    return this;
  }

  add(event: RunEvent): this {
    const at = {
      seq: this.#records.length + 1,
      epoch: this.#epoch,
      boot: this.#boot,
      wallUs: this.#wallUs,
      monoUs: this.#monoUs,
    };
    this.#records.push({ ...event, ...at });
    return this;
  }

  start(mode: "real" | "simulated" = "real"): this {
    const who = {
      installation: "inst-1",
      host: "drill-host",
      user: "drill",
      pid: 4711,
      trigger: "manual",
      seed: "7",
      confirmed: null,
    };
    return this.add({
      type: "run.started",
      data: { runId: "run-1", planSha256: "a".repeat(64), mode, tool: "firedrill 0.1.0", ...who },
    });
  }

  phase(phase: PhaseName): this {
    return this.add({ type: "phase.begun", data: { phase, deadlineMonoUs: this.#monoUs + 600_000_000 } });
  }

  begin(step: string, attempt = 1): this {
    return this.add({
      type: "step.started",
      data: { step, attempt, key: `${step}-${attempt}`, deadlineMonoUs: this.#monoUs + 60_000_000 },
    });
  }

  succeed(step: string, options: { attempt?: number; outputs?: JsonObject; check?: CheckDetail | null } = {}): this {
    const { attempt = 1, outputs = {}, check = null } = options;
    return this.add({ type: "step.succeeded", data: { step, attempt, outputs, check } });
  }

  /** Begins, takes `ms`, succeeds. */
  ok(
    step: string,
    ms: number,
    options: { attempt?: number; outputs?: JsonObject; check?: CheckDetail | null } = {},
  ): this {
    return this.begin(step, options.attempt).after(ms).succeed(step, options);
  }

  pass(step: string, ms: number, check: Partial<CheckDetail> = {}): this {
    return this.ok(step, ms, { check: detail(step, check) });
  }

  checkFails(step: string, ms: number, check: Partial<CheckDetail> = {}): this {
    const data = { step, attempt: 1, outputs: {}, check: detail(step, { actual: "0", ...check }) };
    return this.begin(step).after(ms).add({ type: "step.check_failed", data });
  }

  errors(step: string, failure: FailureClass, ms: number, attempt = 1): this {
    const error = {
      class: failure,
      code: `TEST_${failure.toUpperCase()}`,
      message: `${failure} fault`,
      hint: null,
      details: {},
    };
    return this.begin(step, attempt).after(ms).add({ type: "step.errored", data: { step, attempt, error } });
  }

  timesOut(step: string, ms: number, attempt = 1): this {
    this.begin(step, attempt).after(ms).add({ type: "step.deadline_passed", data: { step, attempt } });
    return this.after(5).add({ type: "step.stopped", data: { step, attempt } });
  }

  skip(step: string, reason: SkipReason): this {
    return this.add({ type: "step.skipped", data: { step, reason, message: SKIPPED[reason] } });
  }

  mark(mark: MarkName, changes: Partial<MarkRecord> = {}): this {
    const data = {
      mark,
      wallUs: this.#wallUs,
      monoUs: this.#monoUs,
      source: "orchestrator",
      resolutionUs: 0,
      note: null,
      ...changes,
    };
    return this.add({ type: "mark", data });
  }

  fact(step: string, fact: Fact): this {
    return this.add({ type: "fact", data: { step, fact } });
  }

  deviation(code: string, step: string | null = null): this {
    return this.add({ type: "deviation", data: { step, code, message: `${code} happened` } });
  }

  halt(by: HaltSource, who: string | null = null): this {
    return this.add({ type: "run.halted", data: { by, reason: `${by} says stop`, who } });
  }

  resume(clockSuspect = false): this {
    this.#epoch += 1;
    return this.add({ type: "run.resumed", data: { epoch: this.#epoch, pid: 4712, clockSuspect } });
  }

  resource(id: string, step = "sandbox"): this {
    const labels = { installation: "inst-1", run: "run-1", epoch: this.#epoch };
    const resource = {
      id,
      kind: "sandbox-process",
      step,
      title: `sandbox ${id}`,
      labels,
      ttlMs: 7_200_000,
      locator: { dir: `/tmp/${id}` },
    } as const;
    this.add({ type: "resource.planned", data: { resource } });
    return this.add({ type: "resource.created", data: { id, locator: resource.locator } });
  }

  destroyed(id: string, verifiedBy = "no process, no folder"): this {
    return this.add({ type: "resource.destroyed", data: { id, verifiedBy } });
  }

  leftover(id: string): this {
    return this.add({ type: "resource.leftover", data: { id, reason: "the folder is busy" } });
  }

  beginCleanup(): this {
    return this.add({ type: "cleanup.begun", data: { deadlineMonoUs: this.#monoUs + 60_000_000 } });
  }

  endCleanup(leftovers = 0): this {
    return this.after(100).add({ type: "cleanup.finished", data: { leftovers } });
  }

  /** Cleanup that finds everything gone. */
  cleanup(...resources: readonly string[]): this {
    this.beginCleanup().after(200);
    for (const id of resources) this.destroyed(id);
    return this.endCleanup();
  }
}

export function detail(step: string, changes: Partial<CheckDetail> = {}): CheckDetail {
  return {
    title: `Check ${step}`,
    expected: "> 0",
    actual: "2000000",
    coverage: { checked: 14, total: 14, unit: "tables" },
    ...changes,
  };
}
