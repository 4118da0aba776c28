import type {
  CanaryLoss,
  ClientOutages,
  Fact,
  Fencing,
  HumanWait,
  Promotion,
  ReplicationState,
} from "../../src/drills/facts.ts";
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import type { Instant } from "../../src/support/clock.ts";
import { JournalBuilder } from "./measure-journal.ts";
import { checkStep, drillPlan, planStep } from "./measure-plan.ts";

/**
 * The failover most tests change in one place. By hand, in milliseconds after the first record:
 * replicas seen 100; T0 1,110 (resolution 2); last good probe 1,107; T1 1,115; recover 1,140 (T2, T3); fenced 1,400; promotion
 * asked 1,450, done 2,000 (resolution 5); T4 2,030; T5 2,040; T6 2,200; return 2,200 to 5,400; rebuilt 5,100.
 */
const ORIGIN: Instant = { wallUs: Date.UTC(2026, 10, 21, 3, 0, 0) * 1000, monoUs: 5_000_000_000 };

export function atMs(ms: number): Instant {
  return { wallUs: ORIGIN.wallUs + ms * 1000, monoUs: ORIGIN.monoUs + ms * 1000 };
}

export function marker(ms: number, seq = ms, writer = 1): Instant & { readonly writer: number; readonly seq: number } {
  return { ...atMs(ms), writer, seq };
}

export function failoverSteps(): readonly PlanStep[] {
  const disruptive = { effect: "disruptive" } as const;
  return [
    checkStep("replicas", "prepare", { uses: "postgres/replica-status", title: "A standby streams" }),
    planStep("traffic", "prepare", { ...disruptive, after: "replicas", uses: "traffic/start", title: "Clients write" }),
    planStep("kill", "disaster", { ...disruptive, uses: "fault/kill", title: "The primary dies" }),
    planStep("detect", "disaster", { after: "kill", uses: "traffic/detect", title: "Clients see it" }),
    planStep("fence", "recover", { ...disruptive, uses: "postgres/fence", title: "The old primary is fenced" }),
    planStep("promote", "recover", {
      ...disruptive,
      after: "fence",
      uses: "postgres/promote",
      title: "A standby is promoted",
    }),
    planStep("service", "recover", { after: "promote", uses: "traffic/recovered", title: "Clients write again" }),
    checkStep("writable", "verify", { title: "The new primary takes writes" }),
    checkStep("roles", "verify", { after: "writable", uses: "postgres/replica-status", title: "Exactly one primary" }),
    planStep("rebuild", "return", {
      ...disruptive,
      uses: "postgres/rebuild",
      title: "The old primary becomes a standby",
    }),
    planStep("ledger", "return", {
      after: "rebuild",
      uses: "traffic/stop",
      effect: "sandbox",
      title: "Every transaction is looked for",
    }),
  ];
}

export function failoverPlan(
  changes: { readonly rpoMs?: number; readonly rtoMs?: number; readonly steps?: readonly PlanStep[] } = {},
): Plan {
  const { rpoMs = 0, rtoMs = 60_000, steps = failoverSteps() } = changes;
  const title = "Lose the primary and fail over to a standby";
  return drillPlan({ steps, title, objectives: { rpoMs, rtoMs } });
}

/** What one test wants otherwise; a fact of null was never recorded. */
export interface FailoverChanges {
  readonly loss?: Partial<CanaryLoss> | null;
  readonly outages?: Partial<ClientOutages> | null;
  readonly promotion?: Partial<Promotion>;
  readonly replication?: Partial<ReplicationState> | null;
  readonly t1?: boolean;
  readonly rebuiltMs?: number;
  /** Facts of the disaster phase, after T0. */
  readonly disaster?: readonly Fact[];
}

export function failover(changes: FailoverChanges = {}): JournalBuilder {
  return returned(verifiedFailover(takenOver(struck(changes), changes)), changes).cleanup();
}

/** Up to the end of the `disaster` phase. */
export function struck(changes: FailoverChanges = {}): JournalBuilder {
  const journal = new JournalBuilder().start().phase("prepare").begin("replicas").after(100);
  if (changes.replication !== null) journal.fact("replicas", { ...replication(100), ...changes.replication });
  journal
    .succeed("replicas", { check: check("1 standby streams") })
    .begin("traffic")
    .after(1000);
  journal.fact("traffic", traffic()).succeed("traffic");
  journal.phase("disaster").begin("kill").after(10).mark("T0", { resolutionUs: 2000 });
  journal.fact("kill", injection()).succeed("kill").begin("detect").after(30);
  if (changes.t1 !== false)
    journal.mark("T1", { ...atMs(1115), source: "prober", resolutionUs: 8000, note: "connection_reset" });
  for (const fact of changes.disaster ?? []) journal.fact("detect", fact);
  return journal.succeed("detect");
}

export function takenOver(journal: JournalBuilder, changes: FailoverChanges = {}): JournalBuilder {
  journal.phase("recover").begin("fence").after(300).fact("fence", fencing()).succeed("fence");
  journal.begin("promote").after(570).fact("promote", promotion(changes.promotion)).succeed("promote");
  journal
    .begin("service")
    .after(40)
    .mark("T4", { ...atMs(2030), source: "prober", resolutionUs: 10_000 });
  return journal.mark("T5", { ...atMs(2040), source: "prober", resolutionUs: 10_000 }).succeed("service");
}

export function verifiedFailover(journal: JournalBuilder): JournalBuilder {
  journal.phase("verify").pass("writable", 100, { expected: "false", actual: "false" }).begin("roles").after(50);
  return journal.succeed("roles", { check: check("b is the only primary") });
}

export function returned(journal: JournalBuilder, changes: FailoverChanges = {}): JournalBuilder {
  journal.phase("return").begin("rebuild").after(3000).fact("rebuild", rebuilt(changes.rebuiltMs)).succeed("rebuild");
  journal.begin("ledger").after(200);
  if (changes.outages !== null) journal.fact("ledger", outages(changes.outages));
  if (changes.loss !== null) journal.fact("ledger", canaryLoss(changes.loss));
  return journal.succeed("ledger");
}

const check = (actual: string) => ({ title: "roles", expected: "one primary", actual, coverage: null });

export function replication(ms: number, changes: Partial<ReplicationState> = {}): ReplicationState {
  const standby = {
    reachable: true,
    streaming: true,
    sync: "async",
    receivedLsn: "0/5000000",
    replayedLsn: "0/5000000",
  };
  return {
    kind: "replication",
    at: atMs(ms),
    primary: "a",
    primaryLsn: "0/5000100",
    timeline: 1,
    standbys: [
      { node: "b", ...standby, lagBytes: 256, lagUs: 800 },
      { node: "c", ...standby, lagBytes: 4096, lagUs: null },
    ],
    ...changes,
  };
}

export function traffic(): Fact {
  const process = { pid: 1, startTicks: 1, bootId: "boot-a" };
  const hosts = ["a", "b", "c"].map((name) => ({ host: `${name}.example`, port: 5432 }));
  return {
    kind: "traffic",
    traffic: {
      id: "traffic-1",
      dir: "/runs/run-1/traffic",
      schema: "firedrill_run_1",
      table: "canary",
      path: { hosts, targetSessionAttrs: "read-write", user: "app", database: "orders", password: "env:PGPASSWORD" },
      writers: 4,
      intervalUs: 10_000,
      payloadBytes: 64,
      synchronousCommit: null,
      probeIntervalUs: 10_000,
      connectTimeoutUs: 500_000,
      answerTimeoutUs: 1_000_000,
      writer: process,
      prober: process,
    },
  };
}

export function injection(): Fact {
  const detail = "SIGKILL to the postmaster and its children";
  return { kind: "injection", fault: "fault/kill", node: "a", detail, begun: atMs(1108), done: atMs(1110) };
}

export function fencing(): Fencing {
  const proofs = ["no process works in its data directory", "connect a.example:5432: ECONNREFUSED"];
  return { kind: "fencing", node: "a", how: "already_down", proofs, at: atMs(1400) };
}

export function promotion(changes: Partial<Promotion> = {}): Promotion {
  return {
    kind: "promotion",
    node: "b",
    reason: "most advanced of 2: 3.8 KiB before c",
    candidates: [
      { node: "b", receivedLsn: "0/5000100", replayedLsn: "0/5000100", timeline: 1, lagBytes: 0, unfit: null },
      { node: "c", receivedLsn: "0/4FFF200", replayedLsn: "0/4FFF200", timeline: 1, lagBytes: 3840, unfit: null },
    ],
    knownLsn: { lsn: "0/5000100", from: "canary", ageUs: 300_000 },
    fromTimeline: 1,
    toTimeline: 2,
    promotedLsn: "0/5000128",
    asked: atMs(1450),
    promoted: atMs(2000),
    resolutionUs: 5000,
    ...changes,
  };
}

export function rebuilt(ms = 5100): Fact {
  const reason = "diverged by 0 bytes: rewound";
  return {
    kind: "rebuild",
    node: "a",
    method: "pg_rewind",
    reason,
    bytes: 33_554_432,
    kept: null,
    streaming: { ...atMs(ms), resolutionUs: 60_000 },
  };
}

export function outages(changes: Partial<ClientOutages> | null = {}): ClientOutages {
  return {
    kind: "client_outages",
    path: "a.example:5432, b.example:5432, c.example:5432",
    probeIntervalUs: 10_000,
    connectTimeoutUs: 500_000,
    answerTimeoutUs: 1_000_000,
    watchedFrom: atMs(1000),
    watchedTo: atMs(5390),
    probes: 420,
    failed: 30,
    outages: [outage()],
    outagesInAll: 1,
    ...changes,
  };
}

export function outage(changes: Partial<ClientOutages["outages"][number]> = {}): ClientOutages["outages"][number] {
  return {
    lastGood: atMs(1107),
    firstFailed: atMs(1115),
    lastFailed: changes.firstRead ?? changes.firstFailed ?? atMs(2030),
    firstRead: atMs(2030),
    firstWrite: atMs(2040),
    from: "a.example:5432",
    to: "b.example:5432",
    reason: "connection_reset",
    ...changes,
  };
}

const COUNTS: CanaryLoss["counts"] = {
  sent: 48_220,
  acknowledged: 48_210,
  unknown: 10,
  refused: 0,
  survived: 48_210,
  lost: 0,
  recoveredUnknown: 6,
  failed: 4,
  phantom: 0,
  duplicated: 0,
  altered: 0,
};

export function canaryLoss(changes: Partial<CanaryLoss> | null = {}): CanaryLoss {
  return {
    kind: "canary_loss",
    writers: 4,
    intervalUs: 10_000,
    slowestAnswerUs: 3000,
    counts: COUNTS,
    lost: null,
    survivorBeforeLoss: null,
    newestBeforeT0: marker(1106),
    newestSurvivor: marker(1106),
    gaps: 0,
    load: { transactionsPerSecond: 400, bytesPerSecond: 25_600 },
    readAt: atMs(5350),
    readFrom: { host: "b.example", port: 5432, timeline: 2, lsn: "0/6000000" },
    ...changes,
  };
}

/** 36 of 48,210, acknowledged from 700 to 1,106; the newest survivor before them at 690. */
export function someLost(changes: Partial<CanaryLoss> = {}): Partial<CanaryLoss> {
  return {
    counts: { ...COUNTS, survived: 48_174, lost: 36 },
    lost: {
      ranges: [
        { writer: 1, from: 70, to: 87 },
        { writer: 2, from: 71, to: 88 },
      ],
      rangesInAll: 2,
      first: marker(700, 70),
      last: marker(1106, 88, 2),
      bytes: 36 * 64,
      file: "traffic/lost.jsonl",
    },
    survivorBeforeLoss: marker(690, 69),
    newestBeforeT0: marker(1106, 88, 2),
    newestSurvivor: marker(690, 69),
    ...changes,
  };
}

export function wrongRows(changes: Partial<CanaryLoss["counts"]>): Partial<CanaryLoss> {
  return { counts: { ...COUNTS, ...changes } };
}

export function waited(fromMs: number, toMs: number, changes: Partial<HumanWait> = {}): HumanWait {
  const what = "Fail over to b?";
  const who = { who: "dana", role: "dba on call", comment: null };
  return { kind: "human_wait", from: atMs(fromMs), to: atMs(toMs), what, decision: "approved", ...who, ...changes };
}
