import { sha256OfJson } from "../support/canonical-json.ts";
import type { JsonObject, JsonValue } from "../support/json.ts";
import { show } from "../support/printable.ts";
import type { Fact } from "./facts.ts";
import type { RunEvent } from "./run-event.ts";

/**
 * What each event and each fact holds, as a table that the types force to be complete. A journal is read by it, so that a record of
 * another version is an error with a name and not a record that is silently passed over; and its hash is part of what a run is pinned to.
 */
type Fields<D> = { readonly [K in keyof D]-?: object extends Pick<D, K> ? "optional" : "required" };

const EVENTS: { readonly [E in RunEvent as E["type"]]: Fields<E["data"]> } = {
  "run.started": {
    runId: "required",
    installation: "required",
    planSha256: "required",
    mode: "required",
    tool: "required",
    host: "required",
    user: "required",
    pid: "required",
    trigger: "required",
    seed: "required",
    confirmed: "required",
    definitions: "optional",
  },
  "phase.begun": { phase: "required", deadlineMonoUs: "required" },
  "phase.deadline_passed": { phase: "required" },
  "step.started": { step: "required", attempt: "required", key: "required", deadlineMonoUs: "required" },
  "step.skipped": { step: "required", reason: "required", message: "required" },
  "step.guard_passed": { step: "required", attempt: "required" },
  "step.guard_refused": { step: "required", attempt: "required", message: "required" },
  "step.succeeded": { step: "required", attempt: "required", outputs: "required", check: "required" },
  "step.check_failed": { step: "required", attempt: "required", outputs: "required", check: "required" },
  "step.errored": { step: "required", attempt: "required", error: "required" },
  "step.retry_scheduled": { step: "required", attempt: "required", dueMonoUs: "required" },
  "step.retry_due": { step: "required", attempt: "required" },
  "step.deadline_passed": { step: "required", attempt: "required" },
  "step.stopped": { step: "required", attempt: "required" },
  "step.stop_overdue": { step: "required", attempt: "required" },
  "step.in_doubt": { step: "required", attempt: "required", message: "required" },
  "run.halted": { by: "required", reason: "required", who: "required" },
  "stopping.deadline_passed": {},
  "cleanup.begun": { deadlineMonoUs: "required" },
  "cleanup.deadline_passed": {},
  "cleanup.finished": { leftovers: "required" },
  "run.resumed": { epoch: "required", pid: "required", clockSuspect: "required" },
  "run.finished": { result: "required", exitCode: "required" },
  mark: {
    mark: "required",
    wallUs: "required",
    monoUs: "required",
    source: "required",
    resolutionUs: "required",
    note: "required",
  },
  fact: { step: "required", fact: "required" },
  deviation: { step: "required", code: "required", message: "required" },
  "resource.planned": { resource: "required" },
  "resource.created": { id: "required", locator: "required" },
  "resource.destroyed": { id: "required", verifiedBy: "required" },
  "resource.leftover": { id: "required", reason: "required" },
};

const FACTS: { readonly [F in Fact as F["kind"]]: Fields<F> } = {
  recovery_source: {
    kind: "required",
    tool: "required",
    backupId: "required",
    path: "required",
    format: "required",
    startedWallUs: "required",
    endedWallUs: "required",
    timeFrom: "required",
    startLsn: "required",
    stopLsn: "required",
    timeline: "required",
    systemIdentifier: "required",
    sizeBytes: "required",
    files: "required",
    manifestSha256: "required",
    selection: "required",
    archiveEndLsn: "required",
  },
  recovery_point: {
    kind: "required",
    target: "required",
    lsn: "required",
    timeline: "required",
    commitWallUs: "required",
    expectedLsn: "required",
    from: "required",
  },
  newest_survivor: {
    kind: "required",
    via: "required",
    what: "required",
    newestWallUs: "required",
    intervalUs: "required",
  },
  transfer: {
    kind: "required",
    method: "required",
    bytes: "required",
    files: "required",
    durationUs: "required",
    verifiedFiles: "required",
    verifiedBytes: "required",
    checksum: "required",
  },
  replay: { kind: "required", bytes: "required", segments: "required", durationUs: "required" },
  isolation: { kind: "required", probes: "required" },
  service: { kind: "required", database: "required", writable: "required" },
  server_settings: {
    kind: "required",
    version: "required",
    binaries: "required",
    durability: "required",
    settings: "required",
  },
  traffic: { kind: "required", traffic: "required" },
  canary_loss: {
    kind: "required",
    writers: "required",
    intervalUs: "required",
    slowestAnswerUs: "required",
    counts: "required",
    lost: "required",
    survivorBeforeLoss: "required",
    newestBeforeT0: "required",
    newestSurvivor: "required",
    gaps: "required",
    load: "required",
    readAt: "required",
    readFrom: "required",
  },
  client_outages: {
    kind: "required",
    path: "required",
    probeIntervalUs: "required",
    connectTimeoutUs: "required",
    answerTimeoutUs: "required",
    watchedFrom: "required",
    watchedTo: "required",
    probes: "required",
    failed: "required",
    outages: "required",
    outagesInAll: "required",
  },
  replication: {
    kind: "required",
    at: "required",
    primary: "required",
    primaryLsn: "required",
    timeline: "required",
    standbys: "required",
  },
  promotion: {
    kind: "required",
    node: "required",
    reason: "required",
    candidates: "required",
    knownLsn: "required",
    fromTimeline: "required",
    toTimeline: "required",
    promotedLsn: "required",
    asked: "required",
    promoted: "required",
    resolutionUs: "required",
  },
  fencing: { kind: "required", node: "required", how: "required", proofs: "required", at: "required" },
  injection: {
    kind: "required",
    fault: "required",
    node: "required",
    detail: "required",
    begun: "required",
    done: "required",
  },
  rebuild: {
    kind: "required",
    node: "required",
    method: "required",
    reason: "required",
    bytes: "required",
    kept: "required",
    streaming: "required",
  },
  human_wait: {
    kind: "required",
    from: "required",
    to: "required",
    what: "required",
    decision: "required",
    who: "required",
    role: "required",
    comment: "required",
  },
};

/** Why data is not what this program knows as an event of that type; null when it is. */
export function eventFault(type: string, data: JsonValue): string | null {
  const fault = lacks("event", type, table(EVENTS), data);
  if (fault !== null || type !== "fact") return fault;
  const fact = asObject(asObject(data)["fact"] ?? null);
  const kind = fact["kind"];
  return lacks("fact", typeof kind === "string" ? kind : "", table(FACTS), fact);
}

/** Identity of all events and facts: another one means that records are read in another way. */
export function eventsSha256(): string {
  return sha256OfJson({ events: table(EVENTS), facts: table(FACTS) });
}

export const EVENT_TYPES: readonly string[] = Object.keys(EVENTS);

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

function lacks(what: string, name: string, known: Table, data: JsonValue): string | null {
  const fields = Object.hasOwn(known, name) ? known[name] : undefined;
  if (fields === undefined) return `it holds the ${what} ${show(name)}, which this program does not know`;
  const there = asObject(data);
  const missing = Object.keys(fields).find((field) => fields[field] === "required" && !Object.hasOwn(there, field));
  return missing === undefined ? null : `its ${what} ${name} has no ${missing}`;
}

function table(of: object): Table {
  // Both tables are of this shape by their types, which name every key.
  return of as Table;
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
