import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { PhaseName } from "../../src/drills/phases.ts";
import { PHASES } from "../../src/drills/phases.ts";
import type { Objectives, Plan, PlanStep } from "../../src/drills/plan.ts";

/** Plans for the measurement's tests: a restore drill of four phases, changed where a test wants it otherwise. */
export interface PlanOptions {
  readonly objectives?: Partial<Objectives>;
  readonly steps?: readonly PlanStep[];
  readonly title?: string;
  readonly system?: SystemSnapshot | null;
}

export function drillPlan(options: PlanOptions = {}): Plan {
  const steps = options.steps ?? restoreSteps();
  return {
    schemaVersion: "firedrill/plan/v1",
    name: "restore-latest",
    title: options.title ?? "Restore the orders database to its last archived transaction",
    owner: "team-orders",
    controls: ["soc2:A1.3"],
    objectives: {
      rtoMs: 60_000,
      rpoMs: 60_000,
      holdMs: 0,
      clock: "total",
      setBy: { rto: "playbook", rpo: "playbook" },
      ...options.objectives,
    },
    guardrails: { allowProduction: false, stopWhen: [] },
    params: { until: "latest" },
    system: options.system === undefined ? ordersSystem() : options.system,
    inventory: [ordersSystem()],
    phases: PHASES.filter((name) => steps.some((step) => step.phase === name)).map((name) => ({
      name,
      timeoutMs: 600_000,
      onFailure: name === "verify" ? "continue" : "stop",
    })),
    steps,
    source: {
      playbookPath: "playbooks/restore-latest.yaml",
      playbookSha256: "b".repeat(64),
      inventoryPath: "inventory.yaml",
      inventorySha256: "c".repeat(64),
    },
  };
}

export function ordersSystem(): SystemSnapshot {
  return {
    name: "orders-db",
    engine: "postgresql",
    environment: "production",
    owner: "team-orders",
    tier: 1,
    tags: {},
    endpoints: { primary: { host: "192.0.2.10", port: 5432 }, replicas: [] },
    credentials: { user: null, password: null, database: null, replication: null },
    nodes: [],
    client: { hosts: [], targetSessionAttrs: "read-write" },
    backups: [{ kind: "directory", path: "/backups/base", wal: "/backups/wal" }],
    heartbeat: { schema: "firedrill", intervalMs: 1000 },
    newest: null,
    objectives: { rtoMs: null, rpoMs: null },
    extra: {},
  };
}

export function restoreSteps(): readonly PlanStep[] {
  return [
    planStep("backup", "prepare", { uses: "backup/find", title: "Find the newest usable backup" }),
    planStep("declare", "disaster", { uses: "disaster/declare", title: "Declare the primary lost" }),
    planStep("sandbox", "recover", {
      uses: "sandbox/create",
      effect: "sandbox",
      title: "Create a fenced sandbox",
      creates: ["sandbox-process"],
    }),
    planStep("restore", "recover", {
      uses: "postgres/restore",
      effect: "sandbox",
      after: "sandbox",
      title: "Restore the backup",
    }),
    checkStep("rows", "verify", { title: "Orders are there" }),
    checkStep("amcheck", "verify", {
      uses: "postgres/amcheck",
      required: false,
      after: "rows",
      title: "Indexes are sound",
    }),
  ];
}

export function planStep(id: string, phase: PhaseName, changes: Partial<PlanStep> = {}): PlanStep {
  return {
    id,
    phase,
    title: `Step ${id}`,
    uses: "test/step",
    role: "action",
    effect: "read",
    idempotent: true,
    required: true,
    creates: [],
    with: {},
    needs: [],
    after: null,
    when: null,
    expect: null,
    timeoutMs: 60_000,
    line: 1,
    retry: { attempts: 1, delayMs: 0, on: [] },
    ...changes,
  };
}

export function checkStep(id: string, phase: PhaseName, changes: Partial<PlanStep> = {}): PlanStep {
  return planStep(id, phase, { role: "check", uses: "verify/sql", ...changes });
}

export function holdStep(changes: Partial<PlanStep> = {}): PlanStep {
  return checkStep("hold", "hold", { uses: "hold/watch", title: "Stays healthy", ...changes });
}
