/**
 * What the engine remembers of a run besides its charts.
 *
 * Owns: outputs, services, the resource ledger, deadlines. Does not: decide anything.
 *
 * Invariants
 *  M1  Memory is the fold of the journal's records through `remember`, live and after a crash alike.
 *  M2  A resource once planned stays in the ledger until it was verified gone; `leftover` keeps it.
 */
import type { Fact, Promotion, ReplicationState, Service } from "../drills/facts.ts";
import type { MarkRecord, Recorded, Resource, RunStarted } from "../drills/run-event.ts";
import type { PhaseName } from "../drills/phases.ts";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import type { Instant } from "../support/clock.ts";
import type { JsonObject } from "../support/json.ts";

export interface RunMemory {
  started: RunStarted | null;
  /** By step; an object, so that templates and conditions read it as it stands, however many steps there are. */
  readonly outputs: Record<string, { readonly outputs: JsonObject }>;
  readonly services: Service[];
  traffic: TrafficRef | null;
  replication: ReplicationState | null;
  promotion: Promotion | null;
  readonly fenced: Set<string>;
  readonly marks: MarkRecord[];
  /** In the order planned. */
  readonly ledger: Map<string, LedgerEntry>;
  readonly attempts: Map<string, StartedAttempt & SetIn>;
  readonly retries: Map<
    string,
    SetIn & { readonly step: string; readonly attempt: number; readonly dueMonoUs: number }
  >;
  phase: (SetIn & { readonly phase: PhaseName; readonly deadlineMonoUs: number }) | null;
  /** The last record of each boot, by the boot's id: deadlines are instants of the boot in which they were set. */
  readonly boots: Map<string, Instant>;
  cleanupBegun: boolean;
  halted: boolean;
  finished: { readonly result: string; readonly exitCode: number } | null;
  epoch: number;
  last: Recorded | null;
}

export interface LedgerEntry {
  readonly resource: Resource;
  readonly state: "planned" | "created" | "destroyed" | "leftover";
}

export interface StartedAttempt {
  readonly attempt: number;
  readonly key: string;
  readonly deadlineMonoUs: number;
}

/** The boot in which a deadline was set. */
interface SetIn {
  readonly boot: string;
}

export function emptyMemory(): RunMemory {
  return {
    started: null,
    // No prototype: a step may be called as it likes.
    outputs: Object.create(null) as RunMemory["outputs"],
    services: [],
    traffic: null,
    replication: null,
    promotion: null,
    fenced: new Set(),
    marks: [],
    ledger: new Map(),
    attempts: new Map(),
    retries: new Map(),
    phase: null,
    boots: new Map(),
    cleanupBegun: false,
    halted: false,
    finished: null,
    epoch: 0,
    last: null,
  };
}

/** Folds one record in (M1). */
export function remember(memory: RunMemory, record: Recorded): void {
  memory.last = record;
  memory.epoch = Math.max(memory.epoch, record.epoch);
  memory.boots.set(record.boot, { wallUs: record.wallUs, monoUs: record.monoUs });
  rememberRun(memory, record);
  rememberStep(memory, record);
  rememberResource(memory, record);
}

/** Not yet verified gone, last planned first: the order of removal. */
export function outstandingResources(memory: RunMemory): readonly Resource[] {
  const open = [...memory.ledger.values()].filter((entry) => entry.state !== "destroyed"); // M2
  return open.map((entry) => entry.resource).toReversed();
}

function rememberRun(memory: RunMemory, record: Recorded): void {
  switch (record.type) {
    case "run.started":
      memory.started = record.data;
      return;
    case "phase.begun":
      memory.phase = { ...record.data, boot: record.boot };
      return;
    case "run.halted":
      memory.halted = true;
      return;
    case "cleanup.begun":
      memory.cleanupBegun = true;
      return;
    case "run.finished":
      memory.finished = record.data;
      return;
    default:
  }
}

function rememberStep(memory: RunMemory, record: Recorded): void {
  switch (record.type) {
    case "step.started":
      memory.attempts.set(record.data.step, { ...record.data, boot: record.boot });
      return;
    case "step.succeeded":
    case "step.check_failed":
      memory.outputs[record.data.step] = { outputs: record.data.outputs };
      return;
    case "step.retry_scheduled":
      memory.retries.set(record.data.step, { ...record.data, boot: record.boot });
      return;
    case "mark":
      memory.marks.push(record.data);
      return;
    case "fact":
      rememberFact(memory, record.data.fact);
      return;
    default:
  }
}

function rememberFact(memory: RunMemory, fact: Fact): void {
  if (fact.kind === "service") memory.services.push(fact);
  if (fact.kind === "traffic") memory.traffic = fact.traffic;
  if (fact.kind === "replication") memory.replication = fact;
  if (fact.kind === "promotion") memory.promotion = fact;
  if (fact.kind === "fencing") memory.fenced.add(fact.node);
  if (fact.kind === "rebuild" || fact.kind === "promotion") memory.fenced.delete(fact.node);
}

function rememberResource({ ledger }: RunMemory, record: Recorded): void {
  switch (record.type) {
    case "resource.planned":
      ledger.set(record.data.resource.id, { resource: record.data.resource, state: "planned" });
      return;
    case "resource.created": {
      const entry = ledger.get(record.data.id);
      if (entry !== undefined)
        ledger.set(record.data.id, { resource: { ...entry.resource, locator: record.data.locator }, state: "created" });
      return;
    }
    case "resource.destroyed":
      return change(ledger, record.data.id, "destroyed");
    case "resource.leftover":
      return change(ledger, record.data.id, "leftover");
    default:
  }
}

function change(ledger: Map<string, LedgerEntry>, id: string, state: LedgerEntry["state"]): void {
  const entry = ledger.get(id);
  if (entry !== undefined) ledger.set(id, { resource: entry.resource, state });
}
