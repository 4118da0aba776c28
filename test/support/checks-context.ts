import type { z } from "zod";
import type { Fact, Service } from "../../src/drills/facts.ts";
import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Progress } from "../../src/drills/progress.ts";
import type { MarkRecord } from "../../src/drills/run-event.ts";
import type { Step, StepContext, StepResult } from "../../src/engine/step-contract.ts";
import type { Clock } from "../../src/support/clock.ts";
import { systemClock } from "../../src/support/system-clock.ts";

/** A step's context that remembers what the step told it. */
export interface RecordingContext extends StepContext {
  readonly recorded: {
    readonly marks: MarkRecord[];
    readonly facts: Fact[];
    readonly services: Service[];
    readonly deviations: string[];
    readonly progress: Progress[];
  };
}

export interface ContextOptions {
  readonly system?: SystemSnapshot | null;
  readonly services?: readonly Service[];
  readonly marks?: readonly MarkRecord[];
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export function stepContext(options: ContextOptions = {}): RecordingContext {
  const recorded = {
    marks: [...(options.marks ?? [])],
    facts: [] as Fact[],
    services: [...(options.services ?? [])],
    deviations: [] as string[],
    progress: [] as Progress[],
  };
  const quiet = (): void => undefined;
  const refuse = (): never => {
    throw new Error("a check does not use this");
  };
  return {
    recorded,
    runId: "run-1",
    runDir: "/nonexistent",
    phase: "verify",
    planSha256: "0".repeat(64),
    traffic: () => null,
    replication: () => null,
    promotion: () => null,
    fenced: () => [],
    halt: () => undefined,
    requireCurrent: () => Promise.resolve(),
    stepId: "check",
    attempt: 1,
    epoch: 1,
    installation: "test",
    idempotencyKey: "run-1/check/1",
    signal: options.signal ?? new AbortController().signal,
    deadlineMonoUs: Number.MAX_SAFE_INTEGER,
    clock: options.clock ?? systemClock(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    system: options.system ?? null,
    inventory: [],
    random: () => 0.5,
    services: () => recorded.services,
    marks: () => recorded.marks,
    mark: async (mark) => void recorded.marks.push(mark),
    fact: async (fact) => void recorded.facts.push(fact),
    deviation: async (code) => void recorded.deviations.push(code),
    ledger: { plan: refuse, created: refuse, remove: refuse },
    progress: (progress) => void recorded.progress.push(progress),
    secret: refuse,
  };
}

/** Parses `with` as the engine does, then runs. */
export async function runStep<I extends z.ZodObject, O extends z.ZodObject>(
  step: Step<I, O>,
  input: z.input<I>,
  ctx: StepContext,
): Promise<StepResult<z.input<O>>> {
  const result = await step.run(step.with.parse(input), ctx);
  // What a step gives must fit what it declares.
  step.outputs.parse(result.outputs);
  return result;
}

export interface Judged<O> {
  readonly passed: boolean;
  readonly actual: string;
  readonly expected: string;
  readonly title: string;
  readonly coverage: { readonly checked: number; readonly total: number; readonly unit: string } | null;
  readonly outputs: O;
}

/** As {@link runStep}, for checks: the verdict and its texts in one flat object. */
export async function runCheck<I extends z.ZodObject, O extends z.ZodObject>(
  step: Step<I, O>,
  input: z.input<I>,
  ctx: StepContext = stepContext(),
): Promise<Judged<z.input<O>>> {
  const result = await runStep(step, input, ctx);
  if (result.kind !== "check") throw new Error(`${step.uses} gave ${result.kind}, not a check`);
  const { passed, outputs, check } = result;
  return { passed, outputs, ...check };
}

export function systemWith(part: Partial<SystemSnapshot>): SystemSnapshot {
  return {
    name: "orders",
    engine: "postgresql",
    environment: "test",
    owner: null,
    tier: null,
    tags: {},
    endpoints: { primary: null, replicas: [] },
    credentials: { user: null, password: null, database: null, replication: null },
    nodes: [],
    client: { hosts: [], targetSessionAttrs: "read-write" },
    backups: [],
    heartbeat: null,
    newest: null,
    objectives: { rtoMs: null, rpoMs: null },
    extra: {},
    ...part,
  };
}

export function t0At(wallUs: number): MarkRecord {
  return { mark: "T0", wallUs, monoUs: 1, source: "orchestrator", resolutionUs: 0, note: null };
}
