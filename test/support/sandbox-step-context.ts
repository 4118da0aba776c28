import type { Fact } from "../../src/drills/facts.ts";
import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Resource } from "../../src/drills/run-event.ts";
import type { StepContext } from "../../src/engine/step-contract.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { type Harness, quiet, soon } from "./sandbox-harness.ts";

export interface Recorded {
  readonly context: StepContext;
  readonly facts: Fact[];
  readonly deviations: { readonly code: string; readonly message: string }[];
  /** `planned <id>`, `created <id>`, in order, and whether the folder was there at that moment. */
  readonly ledger: { readonly what: "planned" | "created"; readonly resource: Resource }[];
}

/** What the engine would hand the step; everything it was told is kept. */
export function stepContext(h: Harness, inventory: readonly SystemSnapshot[], attempt = 1): Recorded {
  const recorded: Omit<Recorded, "context"> = { facts: [], deviations: [], ledger: [] };
  const labels = { installation: h.installation, run: "run-1", epoch: 1 };
  const context: StepContext = {
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
    stepId: "sandbox",
    attempt,
    epoch: 1,
    installation: h.installation,
    idempotencyKey: `run-1/sandbox/${attempt}`,
    signal: soon(),
    deadlineMonoUs: Number.MAX_SAFE_INTEGER,
    clock: systemClock(),
    log: quiet,
    system: null,
    inventory,
    random: () => 0.5,
    services: () => [],
    marks: () => [],
    mark: async () => {},
    fact: async (fact) => void recorded.facts.push(fact),
    deviation: async (code, message) => void recorded.deviations.push({ code, message }),
    ledger: {
      async plan(resource) {
        const planned = { ...resource, id: `resource-${recorded.ledger.length + 1}`, step: "sandbox", labels };
        recorded.ledger.push({ what: "planned", resource: planned });
        return planned;
      },
      async created(id, locator) {
        const planned = recorded.ledger.find(({ resource }) => resource.id === id);
        if (planned === undefined) throw new Error(`${id} was never planned`);
        recorded.ledger.push({ what: "created", resource: { ...planned.resource, locator } });
      },
      remove: async () => ({ kind: "nothing" }),
    },
    progress: () => {},
    secret: async () => "",
  };
  return { context, ...recorded };
}

export function systemAt(
  name: string,
  primary: { readonly host: string; readonly port: number } | null,
): SystemSnapshot {
  return {
    name,
    engine: "postgresql",
    environment: "production",
    owner: null,
    tier: null,
    tags: {},
    endpoints: { primary, replicas: [] },
    credentials: { user: null, password: null, database: null, replication: null },
    nodes: [],
    client: { hosts: [], targetSessionAttrs: "read-write" },
    backups: [],
    heartbeat: null,
    newest: null,
    objectives: { rtoMs: null, rpoMs: null },
    extra: {},
  };
}
