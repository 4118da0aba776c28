import type { Fact } from "../../src/drills/facts.ts";
import type { Plan } from "../../src/drills/plan.ts";
import type { JournalBuilder } from "./measure-journal.ts";
import { begun, declared, heartbeat, prepared, recoveryPoint, sandboxed, server } from "./measure-drill.ts";
import {
  atMs,
  canaryLoss,
  failover,
  failoverPlan,
  failoverSteps,
  fencing,
  outage,
  outages,
  promotion,
  returned,
  someLost,
  struck,
  traffic,
  verifiedFailover,
  waited,
} from "./measure-failover.ts";
import { checkStep, drillPlan, holdStep, planStep, restoreSteps } from "./measure-plan.ts";

/** Two whole drills for the report: one that passes with a hold window, and one whose backup is damaged. */
export interface Drill {
  readonly plan: Plan;
  readonly journal: JournalBuilder;
}

export function passedDrill(): Drill {
  const steps = [
    ...restoreSteps(),
    checkStep("fingerprint", "verify", {
      uses: "postgres/fingerprint",
      title: "Contents equal the fingerprint",
      after: "amcheck",
    }),
    holdStep(),
  ];
  const journal = restored(
    sandboxed(
      prepared()
        .phase("disaster")
        .begin("declare")
        .after(3)
        .mark("T0", { resolutionUs: 1000, note: "declared" })
        .succeed("declare"),
    ),
  );
  const t0 = t0WallUs(journal);
  journal
    .phase("verify")
    .begin("rows")
    .after(1400)
    .fact("rows", heartbeat(t0))
    .succeed("rows", {
      check: {
        title: "Orders are there",
        expected: "> 0",
        actual: "2000000",
        coverage: { checked: 1, total: 1, unit: "queries" },
      },
    });
  journal.pass("amcheck", 700, {
    title: "Indexes are sound",
    expected: "no corruption",
    actual: "no corruption",
    coverage: { checked: 12, total: 12, unit: "indexes" },
  });
  journal.pass("fingerprint", 2100, {
    title: "Contents equal the fingerprint",
    expected: "14 digests equal",
    actual: "14 equal",
    coverage: { checked: 14, total: 14, unit: "tables" },
  });
  journal.phase("hold").begin("hold").after(3002).mark("T7", { source: "prober", resolutionUs: 250_000 });
  journal.succeed("hold", {
    check: {
      title: "Stays healthy",
      expected: "every probe answers",
      actual: "12 of 12 answered",
      coverage: { checked: 12, total: 12, unit: "probes" },
    },
  });
  return { plan: drillPlan({ steps, objectives: { rtoMs: 30_000, holdMs: 3000 } }), journal: journal.cleanup("sb-1") };
}

function restored(journal: JournalBuilder): JournalBuilder {
  const t0 = t0WallUs(journal);
  journal.fact("sandbox", {
    kind: "isolation",
    probes: [
      { probe: "connect 192.0.2.10:5432 (orders-db)", expected: "unreachable", actual: "ENETUNREACH", ok: true },
    ],
  });
  journal.begin("restore").after(5200).fact("restore", {
    kind: "transfer",
    method: "copy",
    bytes: 523_000_000,
    files: 1290,
    durationUs: 4_100_000,
    verifiedFiles: 1290,
    verifiedBytes: 523_000_000,
    checksum: "CRC32C",
  });
  journal.after(2300).fact("restore", { kind: "replay", bytes: 117_440_512, segments: 7, durationUs: 2_100_000 });
  journal
    .mark("T4", { source: "prober", resolutionUs: 5000 })
    .mark("T5", { source: "prober", resolutionUs: 5000 })
    .after(20);
  journal.fact("restore", {
    kind: "isolation",
    probes: [{ probe: "show archive_mode", expected: "off", actual: "off", ok: true }],
  });
  return journal
    .fact("restore", recoveryPoint(t0, { expectedLsn: "0/8FFFF28" }))
    .fact("restore", server("production"))
    .succeed("restore");
}

function t0WallUs(journal: JournalBuilder): number {
  return journal.records.find((record) => record.type === "mark")?.wallUs ?? journal.wallUs;
}

/** The damaged backup: nothing after the restore ran. */
export function failedDrill(): Drill {
  const journal = sandboxed()
    .begin("restore")
    .after(1800)
    .add({
      type: "step.errored",
      data: {
        step: "restore",
        attempt: 1,
        error: {
          class: "subject",
          code: "BACKUP_CHECKSUM",
          message: "base/16384/2619 has checksum 1f2e3d4c, the manifest says 5a6b7c8d",
          hint: "Choose an older backup; this one cannot be restored whole.",
          details: {},
        },
      },
    });
  journal.skip("rows", "phase_stopped").skip("amcheck", "phase_stopped");
  return { plan: drillPlan({ objectives: { rtoMs: 30_000 } }), journal: journal.cleanup("sb-1") };
}

/** Too slow: measured, and told what must shrink. */
export function slowDrill(): Drill {
  const { journal } = passedDrill();
  const { plan } = passedDrill();
  return { plan: { ...plan, objectives: { ...plan.objectives, rtoMs: 9000, rpoMs: 2000 } }, journal };
}

export const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>\u202Egnp.exe\u0000 ]]> &lt; \${x} </style></title>`;

/** Hostile in every text a playbook, a database or a backup can bring, and 200 steps long. */
export function hostileDrill(): Drill {
  const many = Array.from({ length: 200 }, (_, index) =>
    checkStep(`check-${index}`, "verify", {
      title: `${index} ${HOSTILE} ${"very-long-name-".repeat(8)}`,
      uses: HOSTILE,
      required: index % 2 === 0,
      after: index === 0 ? null : `check-${index - 1}`,
    }),
  );
  const steps = [...restoreSteps().filter((step) => step.phase !== "verify"), ...many];
  const plan = drillPlan({ steps, title: HOSTILE });
  const journal = restored(sandboxed(declared(prepared(begun("simulated"))).deviation(HOSTILE)));
  journal.phase("verify");
  for (const [index, step] of many.entries()) {
    if (index % 50 === 7)
      journal.checkFails(step.id, 400 + index, { title: HOSTILE, expected: HOSTILE, actual: HOSTILE.repeat(3) });
    else
      journal.pass(step.id, 20 + index, {
        title: HOSTILE,
        expected: HOSTILE,
        actual: HOSTILE,
        coverage: { checked: 1, total: 2, unit: HOSTILE },
      });
  }
  for (const fact of hostileFailover()) journal.fact(HOSTILE, fact);
  journal.halt("signal", HOSTILE).resource(HOSTILE);
  return {
    plan: { ...plan, owner: HOSTILE, name: HOSTILE, controls: [HOSTILE] },
    journal: journal.beginCleanup().leftover(HOSTILE).endCleanup(1),
  };
}

function hostileFailover(): readonly Fact[] {
  const candidate = {
    node: HOSTILE,
    receivedLsn: HOSTILE,
    replayedLsn: null,
    timeline: 1,
    lagBytes: 0,
    unfit: HOSTILE,
  };
  const lost = someLost();
  return [
    traffic(),
    { kind: "injection", fault: HOSTILE, node: HOSTILE, detail: HOSTILE, begun: atMs(1), done: atMs(2) },
    { kind: "fencing", node: HOSTILE, how: "command", proofs: [HOSTILE], at: atMs(3) },
    promotion({ node: HOSTILE, reason: HOSTILE, candidates: [candidate], promotedLsn: HOSTILE }),
    {
      kind: "rebuild",
      node: HOSTILE,
      method: "base_copy",
      reason: HOSTILE,
      bytes: 1,
      kept: HOSTILE,
      streaming: { ...atMs(4), resolutionUs: 1 },
    },
    outages({ path: HOSTILE, outages: [outage({ reason: HOSTILE, from: HOSTILE, to: HOSTILE })] }),
    canaryLoss({ ...lost, readFrom: { host: HOSTILE, port: 1, timeline: 1, lsn: HOSTILE } }),
    waited(1, 2, { what: HOSTILE, who: HOSTILE, role: HOSTILE, comment: HOSTILE }),
  ];
}

/** A failover with two approvals, as good as it gets. */
export function failoverDrill(): Drill {
  const steps = failoverSteps().toSpliced(
    4,
    0,
    planStep("decide", "disaster", { uses: "approval", after: "detect", title: "Fail over?" }),
  );
  const journal = struck({ disaster: [waited(200, 900, { what: "Begin the drill?" })] });
  journal
    .begin("decide")
    .after(4000)
    .fact("decide", waited(1140, 5140, { comment: "go ahead" }))
    .succeed("decide");
  const times = { asked: atMs(5450), promoted: atMs(6000) };
  journal
    .phase("recover")
    .begin("fence")
    .after(300)
    .fact("fence", { ...fencing(), at: atMs(5400) })
    .succeed("fence");
  journal.begin("promote").after(570).fact("promote", promotion(times)).succeed("promote").begin("service").after(40);
  journal.mark("T4", { ...atMs(6030), source: "prober", resolutionUs: 10_000 });
  journal.mark("T5", { ...atMs(6040), source: "prober", resolutionUs: 10_000 }).succeed("service");
  const back = outage({ firstRead: atMs(6030), firstWrite: atMs(6040) });
  const again = outage({ lastGood: atMs(7000), firstFailed: atMs(7010), firstRead: null, firstWrite: null, to: null });
  const seen = { outages: [back, again], outagesInAll: 2, watchedTo: atMs(9390) };
  return {
    plan: failoverPlan({ steps }),
    journal: returned(verifiedFailover(journal), {
      outages: seen,
      loss: { readAt: atMs(9350) },
      rebuiltMs: 9100,
    }).cleanup(),
  };
}

/** Replication was cut before the primary died: a loss, against an RPO of nothing. */
export function lossyDrill(): Drill {
  return { plan: failoverPlan(), journal: failover({ loss: someLost() }) };
}

/** Preparing went wrong for as long as the whole drill took: nothing set T0. */
export function unpreparedDrill(): Drill {
  return { plan: drillPlan(), journal: begun().phase("prepare").errors("backup", "permanent", 30_000).cleanup() };
}

/** Steps side by side: `needs` instead of order. */
export function parallelSteps(): Plan["steps"] {
  return [
    ...restoreSteps().filter((step) => step.phase !== "recover"),
    planStep("sandbox", "recover"),
    planStep("fetch", "recover", { needs: ["sandbox"] }),
    planStep("dns", "recover", { needs: ["sandbox"] }),
    planStep("restore", "recover", { needs: ["fetch", "dns"] }),
  ];
}
