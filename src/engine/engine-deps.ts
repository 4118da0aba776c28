import type { Progress } from "../drills/progress.ts";
import type { Recorded } from "../drills/run-event.ts";
import type { Clock } from "../support/clock.ts";
import type { RandomBytes } from "../support/ids.ts";
import type { Log } from "../support/log.ts";
import type { ProcessIdentity } from "../support/process-identity.ts";
import type { Redactor } from "../support/redact.ts";
import type { GuardPolicy } from "./guards/guard-policy.ts";
import type { JournalFile } from "./journal/journal-file.ts";
import type { WriteStage } from "./journal/journal-writer.ts";
import type { RunSession } from "./run-session.ts";
import type { RunOwner } from "./state/run-owner.ts";
import type { StateDirectory } from "./state/state-directory.ts";
import type { StateFiles } from "./state/state-files.ts";
import type { ResourceKeeper, Step } from "./step-contract.ts";
import type { StopProbe } from "./stop-probe.ts";
import type { Timers } from "./timers.ts";

/** All the engine takes from outside: put together in `wire.ts`, or by a test. */
export interface EngineDeps {
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly timers: Timers;
  /** By their `uses` name. */
  readonly steps: ReadonlyMap<string, Step>;
  readonly keepers: readonly ResourceKeeper[];
  readonly guard: GuardPolicy;
  readonly stopProbe: StopProbe;
  readonly secrets: SecretResolver;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly random: RandomBytes;
  readonly orchestrator: Orchestrator;
  readonly observers?: Observers;
  readonly limits?: Partial<Limits>;
  /** Injected by tests only: called at each instant at which a crash makes a difference. */
  readonly crashPoint?: CrashPoint;
  /** Injected by tests only: ends an owner whose run is taken from it; by default with SIGKILL. */
  readonly endOwner?: (owner: RunOwner, signal: AbortSignal) => Promise<void>;
  /** Injected by tests only: another disk than the machine's. */
  readonly files?: StateFiles;
  /** Injected by tests only: shown each run's session, to compare what is remembered with what is on record. */
  readonly onSession?: (session: RunSession) => void;
  /** Injected by tests and benchmarks only. */
  readonly openJournal?: (path: string, create: boolean) => Promise<JournalFile>;
}

/** Who runs this: this process, and what the record says of it. */
export interface Orchestrator extends ProcessIdentity {
  readonly host: string;
  readonly user: string;
  /** Name and version of the program. */
  readonly tool: string;
}

/** Turns a reference (`env:NAME`, `file:/path`) into its value. Throws `StepError` with the code `SECRET_...`. */
export interface SecretResolver {
  resolve(ref: string, signal: AbortSignal): Promise<string>;
}

/** Called after a record is durable, in order. */
export interface Observers {
  onRecord?(record: Recorded): void;
  onProgress?(step: string, progress: Progress): void;
}

export type CrashPoint = (at: WriteStage | "before-effect" | "after-effect", about: string) => void;

export interface Limits {
  /** How long an effect may take to end after it was told to stop. */
  readonly stopGraceMs: number;
  /** How long all of them together may take; longer than the grace, so that each is accounted for by itself. */
  readonly stoppingMs: number;
  /** How long cleanup may take as a whole. */
  readonly cleanupMs: number;
  /** How long the removal and the proof of one resource may take. */
  readonly resourceMs: number;
  /** How often halt requests are looked for, besides being told of by the file system, and whether the run is still ours. */
  readonly haltPollMs: number;
}

const DEFAULT_LIMITS: Limits = {
  stopGraceMs: 10_000,
  stoppingMs: 15_000,
  // A copy of several terabytes takes minutes to delete; what is given up on is left behind.
  cleanupMs: 3_600_000,
  resourceMs: 1_800_000,
  haltPollMs: 500,
};

export function limitsOf(deps: Pick<EngineDeps, "limits">): Limits {
  return { ...DEFAULT_LIMITS, ...deps.limits };
}
