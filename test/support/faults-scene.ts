import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeControl } from "../../src/databases/postgres/node/node-control.ts";
import { createReplication } from "../../src/databases/postgres/replication/create-replication.ts";
import type { NodeSpec, SystemSnapshot } from "../../src/drills/inventory.ts";
import type { PhaseName } from "../../src/drills/phases.ts";
import type { MarkRecord, Resource } from "../../src/drills/run-event.ts";
import type { ResourceKeeper } from "../../src/engine/step-contract.ts";
import { faultKeeper } from "../../src/faults/fault-keeper.ts";
import { createSystemFaults, type UndoableFaults } from "../../src/faults/system-faults.ts";
import { serverEntry } from "../../src/sandboxes/process/server-entry.ts";
import type { NodeControl } from "../../src/steps/ports/node-control.ts";
import type { Replication } from "../../src/steps/ports/replication.ts";
import type { JsonObject } from "../../src/support/json.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { type RecordingContext, stepContext } from "./checks-context.ts";
import { type HaCluster, type HaClusterOptions, startHaCluster } from "./ha-cluster.ts";
import { sessions } from "./pg-machine.ts";

/** The fault steps' real drivers, without a cluster. */
export interface FaultDrivers {
  readonly control: NodeControl;
  readonly replication: Replication;
  readonly faults: UndoableFaults;
  readonly keeper: ResourceKeeper;
}

export const INSTALLATION = "fd-faultstest";

export function faultDrivers(logDir: string, neededFolders: readonly string[] = ["/", "/tmp", tmpdir()]): FaultDrivers {
  const clock = systemClock();
  const path = process.env["PATH"] ?? "";
  const control = createNodeControl({ clock, logDir, uid: process.getuid?.() ?? 0, path, enter: serverEntry() });
  const replication = createReplication({ sessions, clock });
  const faults = createSystemFaults({
    clock,
    random: randomBytes,
    sessions,
    installation: INSTALLATION,
    path,
    neededFolders,
  });
  return { control, replication, faults, keeper: faultKeeper({ control, replication, faults }) };
}

export interface FaultScene extends FaultDrivers, AsyncDisposable {
  readonly ha: HaCluster;
  readonly runDir: string;
  readonly system: SystemSnapshot;
  node(name: string): NodeSpec;
  /** A step's context with a ledger that keeps what was planned. */
  context(options?: SceneContextOptions): SceneContext;
  promote(name: string): Promise<void>;
  /** Destroys and proves, last planned first, as cleanup does. */
  cleanUp(ctx: SceneContext): Promise<readonly string[]>;
}

export interface SceneContextOptions {
  readonly phase?: PhaseName;
  readonly marks?: readonly MarkRecord[];
  readonly system?: SystemSnapshot;
  readonly runDir?: string;
  readonly attempt?: number;
  readonly requireCurrent?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface SceneContext extends RecordingContext {
  readonly planned: Resource[];
}

const signal = new AbortController().signal;

export async function faultScene(options: HaClusterOptions = {}): Promise<FaultScene> {
  const ha = await startHaCluster(options);
  const runDir = await mkdtemp(join(tmpdir(), "firedrill-faults-"));
  const drivers = faultDrivers(join(runDir, "logs"));
  const node = (name: string): NodeSpec => {
    const found = ha.system.nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  return {
    ...drivers,
    ha,
    runDir,
    system: ha.system,
    node,
    context: (given = {}) => recordingContext({ system: ha.system, runDir, ...given }),
    promote: async (name) => void (await drivers.replication.promote(ha.system, node(name), signal)),
    cleanUp: (ctx) => cleanUp(ctx, drivers.keeper),
    async [Symbol.asyncDispose]() {
      // Frozen servers die of SIGKILL too.
      await ha[Symbol.asyncDispose]();
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

function recordingContext(options: SceneContextOptions): SceneContext {
  const { phase = "disaster", marks = [], system = null, runDir = "/nonexistent", attempt = 1 } = options;
  const planned: Resource[] = [];
  const ctx = stepContext({ system, marks, ...(options.signal === undefined ? {} : { signal: options.signal }) });
  return {
    ...ctx,
    phase,
    runDir,
    attempt,
    planned,
    requireCurrent: () => options.requireCurrent?.() ?? Promise.resolve(),
    ledger: {
      async plan(wanted) {
        const labels = { installation: INSTALLATION, run: ctx.runId, epoch: 1 };
        const resource = { ...wanted, id: `res-${planned.length}`, step: ctx.stepId, labels };
        planned.push(resource);
        return resource;
      },
      created: () => Promise.resolve(),
      remove: async () => ({ kind: "nothing" }),
    },
  };
}

async function cleanUp(ctx: SceneContext, keeper: ResourceKeeper): Promise<readonly string[]> {
  const proofs: string[] = [];
  for (const { locator } of ctx.planned.toReversed()) proofs.push(await undo(keeper, locator));
  return proofs;
}

/** Throws when it is not gone. */
async function undo(keeper: ResourceKeeper, locator: JsonObject): Promise<string> {
  await keeper.destroy(locator, signal);
  const { gone, how } = await keeper.verifyGone(locator, signal);
  if (!gone) throw new Error(`not gone: ${how}`);
  return how;
}

/** A folder for runs and logs of tests without a cluster. */
export async function runFolder(): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-faults-"));
  await mkdir(join(dir, "run"));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}
