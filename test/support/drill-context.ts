import type { ReplicationState } from "../../src/drills/facts.ts";
import type { PhaseName } from "../../src/drills/phases.ts";
import type { Resource } from "../../src/drills/run-event.ts";
import type { TrafficRef } from "../../src/drills/traffic-ref.ts";
import type { JsonObject } from "../../src/support/json.ts";
import { type ContextOptions, type RecordingContext, stepContext } from "./checks-context.ts";

export interface DrillContextOptions extends ContextOptions {
  readonly phase?: PhaseName;
  readonly runDir?: string;
  readonly stepId?: string;
  readonly traffic?: TrafficRef | null;
  readonly replication?: ReplicationState | null;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Called whenever the step asks whether it still holds the system. */
  readonly requireCurrent?: () => Promise<void>;
}

export interface DrillContext extends RecordingContext {
  /** What was written into the ledger, and what it was asked, in order. */
  readonly order: string[];
  readonly resources: Map<string, Pick<Resource, "kind" | "title" | "locator">>;
}

/** A step's context for steps that make something: with a ledger, a phase, traffic and secrets. */
export function drillContext(options: DrillContextOptions = {}): DrillContext {
  const base = stepContext(options);
  const order: string[] = [];
  const resources: DrillContext["resources"] = new Map();
  const labels = { installation: base.installation, run: base.runId, epoch: base.epoch };
  return {
    ...base,
    order,
    resources,
    phase: options.phase ?? "recover",
    runDir: options.runDir ?? base.runDir,
    stepId: options.stepId ?? "step",
    traffic: () => options.traffic ?? null,
    replication: () => options.replication ?? null,
    async requireCurrent() {
      order.push("current");
      await options.requireCurrent?.();
    },
    ledger: {
      async plan(wanted) {
        const id = `res-${resources.size + 1}`;
        resources.set(id, wanted);
        order.push(`planned ${wanted.kind}`);
        return { ...wanted, id, step: base.stepId, labels };
      },
      async created(id: string, locator: JsonObject) {
        const planned = resources.get(id);
        if (planned === undefined) throw new Error(`${id} was never planned`);
        resources.set(id, { ...planned, locator });
        order.push(`created ${planned.kind}`);
      },
      remove: async () => ({ kind: "nothing" }),
    },
    async secret(ref) {
      const value = options.secrets?.[ref];
      if (value === undefined) throw new Error(`no secret ${ref}`);
      return value;
    },
  };
}
