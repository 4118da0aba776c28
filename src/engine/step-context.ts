/**
 * What a step sees of the engine while it runs.
 *
 * Owns: the translation of a step's calls into records, and when a step has lost the right to make any.
 * Does not: decide when the step runs or stops (run-loop.ts, attempts.ts).
 *
 * Invariants
 *  C1  A promise given to a step resolves when its record is durable, never before, and only while the run is still ours: what
 *      the step does next must not be done by an orchestrator that has lost it.
 *  C2  Nothing new is planned once the step was told to stop: cleanup may be under way.
 *  C3  A closed context (its attempt has an outcome, or was given up) records nothing any more.
 *  C4  A secret is known to the redactor before the step sees it.
 *  C5  On a full disk nothing is promised any more: the step is told to stop instead, and may act no more.
 */
import type { Plan, PlanStep } from "../drills/plan.ts";
import type { Resource, RunEvent } from "../drills/run-event.ts";
import { StepError } from "../drills/step-error.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { removeEarly } from "./remove-early.ts";
import type { RunLog } from "./run-log.ts";
import type { RunMemory, StartedAttempt } from "./run-memory.ts";
import { seededRandom } from "./seeded-random.ts";
import type { Ledger, StepContext } from "./step-contract.ts";

export interface ContextParts {
  readonly runId: string;
  readonly dir: string;
  readonly seed: string;
  readonly epoch: number;
  readonly plan: Plan;
  readonly step: PlanStep;
  readonly started: StartedAttempt;
  readonly signal: AbortSignal;
  readonly memory: RunMemory;
  readonly log: RunLog;
  readonly halt: (reason: string, who: string | null) => void;
  /** Tells this attempt to stop. */
  readonly stop: () => void;
  readonly requireCurrent: () => Promise<void>;
  /** Throws `STALE_OWNER`. */
  readonly requireHeld: () => void;
}

export interface OpenContext {
  readonly context: StepContext;
  /** C3. */
  readonly close: () => void;
}

export function openContext(parts: ContextParts, deps: EngineDeps): OpenContext {
  let open = true;
  const record: Record = async (event) => {
    if (!open) throw closed(parts.step.id); // C3
    requireRoom(parts);
    const { kind } = await parts.log.record(event).durable;
    parts.requireHeld(); // C1
    if (kind === "closing") requireRoom(parts);
  };
  const { runId, step, started, plan, signal, memory } = parts;
  const context: StepContext = {
    runId,
    runDir: parts.dir,
    planSha256: memory.started?.planSha256 ?? "",
    stepId: step.id,
    phase: step.phase,
    attempt: started.attempt,
    epoch: parts.epoch,
    installation: deps.state.installation,
    idempotencyKey: started.key,
    signal,
    deadlineMonoUs: started.deadlineMonoUs,
    clock: deps.clock,
    log: deps.log,
    system: plan.system,
    inventory: plan.inventory,
    random: seededRandom(parts.seed, "step", step.id, started.attempt),
    services: () => [...memory.services],
    marks: () => [...memory.marks],
    traffic: () => memory.traffic,
    replication: () => memory.replication,
    promotion: () => memory.promotion,
    fenced: () => [...memory.fenced],
    mark: (mark) => record({ type: "mark", data: mark }),
    fact: (fact) => record({ type: "fact", data: { step: step.id, fact } }),
    deviation: (code, message) =>
      record({ type: "deviation", data: { step: step.id, code, message: message.toWellFormed() } }),
    halt: (reason, who) => {
      if (open) parts.halt(reason.toWellFormed(), who);
    },
    async requireCurrent() {
      requireRoom(parts);
      await parts.requireCurrent();
    },
    ledger: ledgerOf(parts, record, deps),
    progress: (progress) => {
      if (open) deps.observers?.onProgress?.(step.id, progress);
    },
    secret: (ref) => resolveSecret(ref, parts, record, deps),
  };
  return { context, close: () => void (open = false) };
}

type Record = (event: RunEvent) => Promise<void>;

/** C5. What it throws after its stop is how it stopped. */
function requireRoom({ log, signal, stop }: ContextParts): void {
  if (!log.isFull()) return;
  stop();
  signal.throwIfAborted();
}

function ledgerOf({ runId, step, epoch, signal, memory }: ContextParts, record: Record, deps: EngineDeps): Ledger {
  return {
    async plan(wanted) {
      signal.throwIfAborted(); // C2
      const resource: Resource = {
        ...wanted,
        id: `res-${Buffer.from(deps.random(8)).toString("hex")}`,
        step: step.id,
        labels: { installation: deps.state.installation, run: runId, epoch },
      };
      await record({ type: "resource.planned", data: { resource } });
      signal.throwIfAborted();
      return resource;
    },
    created: (id, locator) => record({ type: "resource.created", data: { id, locator } }),
    remove: (of, kind) => removeEarly({ step: of, kind, signal }, memory, record, deps),
  };
}

async function resolveSecret(ref: string, parts: ContextParts, record: Record, deps: EngineDeps): Promise<string> {
  const secret = await deps.secrets.resolve(ref, parts.signal);
  const known = deps.redactor.add(secret); // C4
  if (known !== "known") await record({ type: "deviation", data: { step: parts.step.id, ...weak(ref, known) } });
  return secret;
}

function weak(ref: string, known: "too_short" | "public"): { readonly code: string; readonly message: string } {
  switch (known) {
    case "too_short":
      return {
        code: "SECRET_TOO_SHORT",
        message: `The secret ${ref} is too short to be kept out of records and logs.`,
      };
    case "public":
      return {
        code: "SECRET_IS_PUBLIC",
        message: `The value of ${ref} also stands in the plan as ordinary text, so it is not kept out of records and logs.`,
      };
    default:
      return known satisfies never;
  }
}

function closed(step: string): StepError {
  return new StepError("permanent", "STEP_CLOSED", `${step} made a call after it had ended or was given up.`, {
    hint: "A step must wait for all it began before it returns.",
  });
}
