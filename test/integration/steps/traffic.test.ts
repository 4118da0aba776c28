import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { trafficProcessKeeper } from "../../../src/canary/process-keeper.ts";
import { canaryTableKeeper } from "../../../src/canary/table-keeper.ts";
import { createTraffic } from "../../../src/canary/traffic.ts";
import type { PhaseName } from "../../../src/drills/phases.ts";
import type { MarkRecord } from "../../../src/drills/run-event.ts";
import type { TrafficRef } from "../../../src/drills/traffic-ref.ts";
import { holdStep } from "../../../src/steps/drill/hold.ts";
import { detectOutageStep } from "../../../src/steps/traffic/detect.ts";
import { recoveredStep } from "../../../src/steps/traffic/recovered.ts";
import { startTrafficStep } from "../../../src/steps/traffic/start.ts";
import { stopTrafficStep } from "../../../src/steps/traffic/stop.ts";
import { instant } from "../../../src/support/clock.ts";
import { findProcesses, killFound } from "../../../src/support/processes.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runCheck, runStep } from "../../support/checks-context.ts";
import { type DrillContext, drillContext } from "../../support/drill-context.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { sandboxIds, sessions } from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";

const clock = systemClock();
const secret = async (ref: string): Promise<string> => (await readFile(ref.replace(/^file:/u, ""), "utf8")).trim();
const traffic = createTraffic({ clock, secret });

let cluster: HaCluster;
let runDir: string;
beforeAll(async () => {
  cluster = await startHaCluster();
  runDir = await mkdtemp(join(tmpdir(), "fd-traffic-run-"));
});
afterAll(async () => {
  for (const ctx of prepared) await trafficProcessKeeper().destroy(processesOf(ctx), AbortSignal.timeout(20_000));
  await cluster[Symbol.asyncDispose]();
  await rm(runDir, { recursive: true, force: true });
});

/** Whatever a test that failed has left running. */
const prepared: DrillContext[] = [];

/** What the run remembers from step to step. */
const run: { traffic: TrafficRef | null; marks: readonly MarkRecord[]; ledger: DrillContext["resources"] } = {
  traffic: null,
  marks: [],
  ledger: new Map(),
};

function contextIn(phase: PhaseName): DrillContext {
  return drillContext({ phase, runDir, stepId: "traffic", system: cluster.system, ...run });
}

/** As a fault does it: T0 is when the last process was gone. */
function killNode(name: string): MarkRecord {
  const dir = cluster.system.nodes.find((node) => node.name === name)?.dataDir ?? "";
  const begun = clock.monoUs();
  for (const search = { dir, marker: null, uid: sandboxIds.uid }; ;) {
    const { found } = findProcesses(search);
    if (found.length === 0) break;
    for (const one of found) killFound(one);
  }
  const done = instant(clock);
  return { mark: "T0", ...done, source: "orchestrator", resolutionUs: done.monoUs - begun, note: null };
}

test("a failover under load: the outage as clients saw it, the service back, and every transaction looked for", async () => {
  const prepare = contextIn("prepare");
  prepared.push(prepare);
  const started = await runStep(startTrafficStep({ traffic }), { writers: 2, rate: 100 }, prepare);
  run.traffic = started.outputs.traffic;
  run.ledger = prepare.resources;

  const t0 = killNode("a");
  run.marks = [t0];
  const disaster = contextIn("disaster");
  const detected = await runStep(detectOutageStep({ traffic }), { failures: 3 }, disaster);
  expect(detected.outputs.failures).toBeGreaterThanOrEqual(3);
  const t1 = last(disaster, "T1");
  expect(t1.monoUs).toBeGreaterThanOrEqual(t0.monoUs);
  expect(t1.monoUs - t1.resolutionUs).toBeLessThanOrEqual(t0.monoUs);

  const session = await cluster.session("b");
  await session.query("select pg_promote(true)");
  await session[Symbol.asyncDispose]();
  const recover = contextIn("recover");
  const back = await runStep(recoveredStep({ traffic }), {}, recover);
  const [, endpointB] = cluster.system.nodes.map(({ endpoint }) => `${endpoint.host}:${endpoint.port}`);
  expect(back.outputs.server).toBe(endpointB);
  const [t4, t5] = [last(recover, "T4"), last(recover, "T5")];
  expect(t4.monoUs).toBeGreaterThan(t1.monoUs);
  expect(t5.monoUs).toBeGreaterThanOrEqual(t4.monoUs);

  const hold = contextIn("hold");
  const held = await runCheck(holdStep({ sessions, traffic }), { for: "200ms" }, hold);
  expect(held).toMatchObject({ passed: true, title: "the service stays healthy for clients" });
  expect(last(hold, "T7").source).toBe("prober");

  const end = contextIn("return");
  const { outputs } = await runStep(stopTrafficStep({ traffic }), {}, end);
  expect(outputs.sent).toBe(outputs.acknowledged + outputs.unknown + outputs.refused);
  expect(outputs.survived + outputs.lost).toBe(outputs.acknowledged);
  expect(outputs).toMatchObject({ phantom: 0, duplicated: 0, altered: 0, outages: 1 });
  expect(outputs.survived).toBeGreaterThan(0);
  expect(end.recorded.facts).toMatchObject([
    { kind: "client_outages", outages: [{ to: endpointB }] },
    { kind: "canary_loss", counts: { lost: outputs.lost } },
  ]);
});

test("after the prober was stopped nothing holds", async () => {
  await expect(runCheck(holdStep({ sessions, traffic }), { for: "10s" }, contextIn("hold"))).rejects.toMatchObject({
    code: "TRAFFIC_GONE",
  });
});

test("cleanup removes both and proves it", async () => {
  const keepers = [trafficProcessKeeper(), canaryTableKeeper({ clock, secret })];
  const signal = AbortSignal.timeout(20_000);
  for (const { kind, locator } of [...run.ledger.values()].toReversed()) {
    const keeper = keepers.find((one) => one.kind === kind);
    await keeper?.destroy(locator, signal);
    expect(await keeper?.verifyGone(locator, signal)).toMatchObject({ gone: true });
  }
});

test("a service that dies in the hold window is red, at the first probe that failed", async () => {
  // Another step of the run would be refused: this stands for a run of its own.
  Object.assign(run, { traffic: null, marks: [] });
  const prepare = drillContext({ phase: "prepare", runDir, stepId: "again", system: cluster.system });
  prepared.push(prepare);
  run.traffic = (await runStep(startTrafficStep({ traffic }), { writers: 1 }, prepare)).outputs.traffic;
  const hold = contextIn("hold");
  const holding = runCheck(holdStep({ sessions, traffic }), { for: "10m" }, hold);
  killNode("b");
  expect(await holding).toMatchObject({ passed: false, actual: containing("after the window began") });
  expect(hold.recorded.marks).toEqual([]);
});

function processesOf(ctx: DrillContext) {
  const [processes] = [...ctx.resources.values()].filter(({ kind }) => kind === "traffic-process");
  if (processes === undefined) throw new Error("no processes in the ledger");
  return processes.locator;
}

function last(ctx: DrillContext, name: MarkRecord["mark"]): MarkRecord {
  const found = ctx.recorded.marks.findLast(({ mark }) => mark === name);
  if (found === undefined) throw new Error(`${name} was not set`);
  return found;
}
