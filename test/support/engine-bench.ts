import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Plan } from "../../src/drills/plan.ts";
import type { ResourceKind } from "../../src/drills/step-signature.ts";
import type { Recorded } from "../../src/drills/run-event.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import type { RunRequest } from "../../src/engine/execute-run.ts";
import { standardGuards } from "../../src/engine/guards/all-guards.ts";
import { secretResolver } from "../../src/engine/secret-resolver.ts";
import { openState } from "../../src/engine/state/state-directory.ts";
import {
  defineStep,
  type FoundResource,
  type ResourceKeeper,
  type Step,
  type StepContext,
  type StepResult,
} from "../../src/engine/step-contract.ts";
import { systemTimers } from "../../src/engine/timers.ts";
import type { Log } from "../../src/support/log.ts";
import { identityOf } from "../../src/support/process-identity.ts";
import { createRedactor, redactingLog } from "../../src/support/redact.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import type { FakeTime } from "./engine-fake-time.ts";

/** A state directory of its own with everything the engine takes, and what it said and logged. Disposed of with its files. */
export interface Bench extends AsyncDisposable {
  readonly deps: EngineDeps;
  readonly records: Recorded[];
  readonly logged: string[];
  readonly keeper: FakeKeeper;
}

export interface BenchOptions {
  readonly time?: FakeTime;
  readonly steps?: readonly Step[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stateDir?: string;
  readonly deps?: Partial<EngineDeps>;
}

export async function engineBench(options: BenchOptions = {}): Promise<Bench> {
  const own = options.stateDir === undefined ? await mkdtemp(join(tmpdir(), "firedrill-engine-")) : null;
  const records: Recorded[] = [];
  const logged: string[] = [];
  const keeper = new FakeKeeper("directory");
  const deps = await benchDeps(options, options.stateDir ?? own ?? "", { records, logged, keeper });
  return {
    deps,
    records,
    logged,
    keeper,
    async [Symbol.asyncDispose]() {
      if (own !== null) await rm(own, { recursive: true, force: true });
    },
  };
}

async function benchDeps(
  options: BenchOptions,
  stateDir: string,
  bench: Pick<Bench, "records" | "logged" | "keeper">,
): Promise<EngineDeps> {
  const random = countingRandom();
  const clock = options.time ?? systemClock();
  const redactor = createRedactor();
  const bootId = clock.bootId;
  return {
    state: await openState(stateDir, random),
    clock,
    timers: options.time ?? systemTimers(clock),
    steps: new Map([noop, ...(options.steps ?? [])].map((step) => [step.uses, step])),
    keepers: [bench.keeper],
    guard: standardGuards,
    stopProbe: { evaluate: () => Promise.resolve({ kind: "holds", seen: "all well" }) },
    secrets: secretResolver(options.env ?? {}),
    redactor,
    log: redactingLog(linesLog(bench.logged), redactor),
    random,
    orchestrator: {
      ...(identityOf(process.pid, bootId) ?? { pid: process.pid, startTicks: 0, bootId }),
      host: "test-host",
      user: "tester",
      tool: "firedrill/test",
    },
    observers: { onRecord: (record) => void bench.records.push(record) },
    ...options.deps,
  };
}

export function requestFor(plan: Plan, confirm: string | null = null): RunRequest {
  const texts = { playbookText: "kind: Playbook\n", inventoryText: null };
  return { plan, ...texts, trigger: "test", mode: "real", seed: "seed-1", confirm };
}

const nothing = z.object({});

/** A step whose code is the test's. */
export function fakeStep(
  uses: string,
  run: (ctx: StepContext) => Promise<StepResult<Record<string, unknown>>> | StepResult<Record<string, unknown>>,
  parts: Partial<Step> = {},
): Step {
  return {
    ...defineStep({
      uses,
      summary: "A step of a test.",
      role: "action",
      effect: "sandbox",
      idempotent: true,
      with: nothing,
      outputs: z.looseObject({}),
      creates: [],
      needsSystem: false,
      run: async (_input, ctx) => run(ctx),
    }),
    ...parts,
  };
}

export const noop: Step = fakeStep("test/noop", () => ({ kind: "done", outputs: {} }));

/** Resolves when the step is told to stop, by rejecting as an aborted call does. */
export async function untilStopped(ctx: StepContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new DOMException("aborted", "AbortError"));
    if (ctx.signal.aborted) stop();
    else ctx.signal.addEventListener("abort", stop, { once: true });
  });
}

/** Keeps a list of things that exist; `stuck` ones do not go away. */
export class FakeKeeper implements ResourceKeeper {
  readonly kind: ResourceKind;
  readonly existing = new Set<string>();
  readonly stuck = new Set<string>();
  readonly found: FoundResource[] = [];
  readonly destroyed: string[] = [];
  hang = false;

  constructor(kind: ResourceKind) {
    this.kind = kind;
  }

  async list(): Promise<readonly FoundResource[]> {
    return this.found;
  }

  async destroy(locator: { readonly [key: string]: unknown }): Promise<void> {
    const name = String(locator["name"]);
    if (this.hang) await new Promise(() => {});
    this.destroyed.push(name);
    if (!this.stuck.has(name)) this.existing.delete(name);
  }

  async verifyGone(locator: {
    readonly [key: string]: unknown;
  }): Promise<{ readonly gone: boolean; readonly how: string }> {
    const name = String(locator["name"]);
    const gone = !this.existing.has(name);
    return { gone, how: gone ? `${name} is not listed any more` : `${name} is still listed` };
  }
}

function linesLog(lines: string[]): Log {
  const keep = (fields: Readonly<Record<string, unknown>>, event: string): void =>
    void lines.push(`${event} ${JSON.stringify(fields)}`);
  return { debug: keep, info: keep, warn: keep, error: keep };
}

/** Different bytes at each call, the same in each test. */
function countingRandom(): (count: number) => Uint8Array {
  let next = 0;
  return (count) => Uint8Array.from({ length: count }, () => (next += 7) % 256);
}
