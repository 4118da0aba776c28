import { readFile } from "node:fs/promises";
import { createBackupMaker } from "../../src/databases/postgres/backup/create-base-backup.ts";
import { createNodeControl } from "../../src/databases/postgres/node/node-control.ts";
import { createRebuilder } from "../../src/databases/postgres/rebuild/create-rebuilder.ts";
import { createReplication } from "../../src/databases/postgres/replication/create-replication.ts";

import type { ReplicationState } from "../../src/drills/facts.ts";
import type { NodeSpec } from "../../src/drills/inventory.ts";
import type { Resource } from "../../src/drills/run-event.ts";
import type { TrafficRef } from "../../src/drills/traffic-ref.ts";
import type { StepContext } from "../../src/engine/step-contract.ts";
import type { NodeControl } from "../../src/steps/ports/node-control.ts";
import type { Rebuilder } from "../../src/steps/ports/rebuild.ts";
import type { Replication } from "../../src/steps/ports/replication.ts";
import type { Traffic } from "../../src/steps/ports/traffic.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { type ContextOptions, type RecordingContext, stepContext } from "./checks-context.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { sessions, testBinaries } from "./pg-machine.ts";

export const clock = systemClock();
export const replication: Replication = createReplication({ sessions, clock });

export interface FailoverDeps {
  readonly replication: Replication;
  readonly control: NodeControl;
  readonly rebuilder: Rebuilder;
  readonly traffic: Traffic;
}

/** The real drivers on a lab's nodes; `position` is what canary writers would know of the primary. */
export function failoverDeps(
  ha: HaCluster,
  position: string | null = null,
  { control: given }: { readonly control?: NodeControl } = {},
): FailoverDeps {
  const uid = process.getuid?.() ?? 0;
  const control = given ?? createNodeControl({ clock, logDir: `${ha.dir}/logs`, uid, path: "/usr/bin:/bin" });
  const secret = async (ref: string): Promise<string> => (await readFile(ref.replace("file:", ""), "utf8")).trim();
  const binaries = testBinaries();
  const maker = createBackupMaker({ sessions, binaries, clock, secret });
  const rebuilder = createRebuilder({ sessions, binaries, control, replication, maker, clock, uid, secret });
  return { replication, control, rebuilder, traffic: trafficAt(position) };
}

/** Nothing runs; only the position that writers were told is known. */
function trafficAt(lsn: string | null): Traffic {
  const refuse = (): never => {
    throw new Error("no traffic runs in this test");
  };
  return {
    plan: refuse,
    prepare: refuse,
    start: refuse,
    watch: refuse,
    stop: refuse,
    settle: refuse,
    outages: refuse,
    position: async () => (lsn === null ? null : { lsn, at: { wallUs: clock.wallUs(), monoUs: clock.monoUs() } }),
  };
}

export interface FailoverContext extends RecordingContext {
  readonly planned: Resource[];
  /** How often the right to act was asked for. */
  readonly asked: { count: number };
}

export interface FailoverOptions extends ContextOptions {
  /** Newest fact before the step; facts that the step records come after it. */
  readonly known?: ReplicationState | null;
  readonly traffic?: TrafficRef | null;
  /** What `requireCurrent` does beside counting. */
  readonly onAct?: () => Promise<void>;
}

export function failoverContext(ha: HaCluster, options: FailoverOptions = {}): FailoverContext {
  const context = stepContext({ system: ha.system, clock, ...options });
  const planned: Resource[] = [];
  const asked = { count: 0 };
  const added: Partial<StepContext> = {
    runDir: ha.dir,
    phase: "recover",
    traffic: () => options.traffic ?? null,
    replication: () => context.recorded.facts.findLast((fact) => fact.kind === "replication") ?? options.known ?? null,
    promotion: () => context.recorded.facts.findLast((fact) => fact.kind === "promotion") ?? null,
    fenced: () => context.recorded.facts.flatMap((fact) => (fact.kind === "fencing" ? [fact.node] : [])),
    requireCurrent: async () => {
      asked.count += 1;
      await options.onAct?.();
    },
    ledger: {
      plan: async (wanted) => {
        const labels = { installation: "test", run: "run-1", epoch: 1 };
        const resource = { id: `r${planned.length + 1}`, step: "step", labels, ...wanted };
        planned.push(resource);
        return resource;
      },
      created: async () => undefined,
      remove: async () => ({ kind: "nothing" }),
    },
  };
  return { ...context, ...added, planned, asked };
}

export function nodeOf({ system }: HaCluster, name: string): NodeSpec {
  const node = system.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}
