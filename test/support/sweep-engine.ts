import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { standardGuards } from "../../src/engine/guards/all-guards.ts";
import { secretResolver } from "../../src/engine/secret-resolver.ts";
import { openState } from "../../src/engine/state/state-directory.ts";
import type { Step } from "../../src/engine/step-contract.ts";
import { systemTimers } from "../../src/engine/timers.ts";
import { faultKeeper } from "../../src/faults/fault-keeper.ts";
import { stepLibrary } from "../../src/steps/library.ts";
import type { Clock } from "../../src/support/clock.ts";
import { identityOf } from "../../src/support/process-identity.ts";
import { createRedactor } from "../../src/support/redact.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { partial } from "./sweep-absent.ts";
import { fakeControl, fakeFaults, fakeRebuilder, fakeReplication } from "./sweep-cluster.ts";
import type { Doom } from "./sweep-doom.ts";
import { thingKeeper } from "./sweep-keepers.ts";
import { mortal } from "./sweep-mortal.ts";
import { fakePatroni } from "./sweep-patroni.ts";
import { answeredHere } from "./sweep-questions.ts";
import { fakeRestore, fakeSandboxes } from "./sweep-restore.ts";
import { fakeTraffic } from "./sweep-traffic.ts";
import { openWorld, type World } from "./sweep-world.ts";

/**
 * Twenty times slower than the machine's, and years ahead of it: no objective is missed, and no deadline passes, because a machine is
 * busy; a folder that was just made is old enough for `clean`.
 */
function slowClock(): Clock {
  const clock = systemClock();
  const slow = (): number => Math.floor(clock.monoUs() / 20);
  return { bootId: clock.bootId, monoUs: slow, wallUs: () => 2_000_000_000_000_000 + slow() };
}

/** The real engine, the real steps and the real keeper of faults, on the fake drivers of one world. */
export async function sweepEngine(dir: string, doom: Doom, change: Change = (steps) => steps): Promise<EngineDeps> {
  const clock = slowClock();
  const world = openWorld(dir, clock, () => doom.alive());
  const drivers = driversOf(world);
  const redactor = createRedactor();
  const steps = change(answeredHere(stepLibrary({ ...drivers, redactor }), world), world);
  const silent = (): void => {};
  return {
    state: await openState(join(dir, "state"), randomBytes),
    clock,
    timers: systemTimers(clock),
    steps: new Map([...steps].map(([uses, step]) => [uses, mortal(step, doom)])),
    keepers: drivers.keepers,
    guard: standardGuards,
    stopProbe: partial("the stop conditions' looks"),
    secrets: secretResolver({}),
    redactor,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    random: randomBytes,
    orchestrator: {
      ...(identityOf(process.pid, clock.bootId) ?? { pid: process.pid, startTicks: 0, bootId: clock.bootId }),
      host: "test-host",
      user: "tester",
      tool: "firedrill/test",
    },
    crashPoint: doom.crashPoint,
    openJournal: doom.openJournal,
  };
}

/** Of the steps, for tests that plant a fault. */
export type Change = (steps: ReadonlyMap<string, Step>, world: World) => ReadonlyMap<string, Step>;

function driversOf(world: World) {
  const control = fakeControl(world);
  const replication = fakeReplication(world);
  const faults = fakeFaults(world);
  const restore = fakeRestore(world);
  const keeper = thingKeeper(world, "sandbox-process");
  const others = (["backup-directory", "traffic-process", "canary-table"] as const).map((kind) =>
    thingKeeper(world, kind),
  );
  return {
    ...restore,
    sources: new Map([[restore.source.kind, restore.source]]),
    control,
    replication,
    faults,
    traffic: fakeTraffic(world),
    rebuilder: fakeRebuilder(world),
    patroni: fakePatroni(world),
    sandboxes: Object.assign(fakeSandboxes(world), { keeper }),
    reservedSettings: new Set<string>(),
    maker: partial<never>("the maker of backups"),
    sessions: partial<never>("sessions"),
    pages: partial<never>("the pages' verifier"),
    content: partial<never>("the reader of content"),
    baselines: partial<never>("baselines"),
    approvals: partial<never>("approvals"),
    commands: partial<never>("commands"),
    keepers: [keeper, ...others, faultKeeper({ control, replication, faults })],
  };
}
