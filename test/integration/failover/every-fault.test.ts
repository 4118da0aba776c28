import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunResult } from "../../../src/drills/result.ts";
import { findTool } from "../../../src/faults/run-tool.ts";
import { containing } from "../../support/cli-matchers.ts";
import { type Aftermath, aftermath, NOTHING_LEFT } from "../../support/failover-aftermath.ts";
import { failoverDeps, nodeOf } from "../../support/failover-context.ts";
import { type FailoverDesk, failoverDesk, ledgerOf, type Playbook, shipped } from "../../support/failover-run.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { ontoTmpfs } from "../../support/own-file-system.ts";

const root = process.getuid?.() === 0;
const filter = root && ((await findTool("nft", "/usr/sbin")) ?? (await findTool("iptables", "/usr/sbin"))) !== null;

let ha: HaCluster;
beforeEach(async () => void (ha = await startHaCluster({ names: ["a", "b", "c"] })));
afterEach(() => ha[Symbol.asyncDispose]());

async function withFault(fault: string): Promise<Playbook> {
  const book = await shipped("failover-replica");
  return book
    .replace("replicas", "id: replicas", "uses: postgres/replica-status", "with: { minStandbys: 2, within: 1m }")
    .replace("kill", "id: break", `uses: ${fault}`, "with: { node: primary }");
}

/** Before the rebuild, which asks the server and needs room. */
async function lifted(fault: string): Promise<Playbook> {
  return (await withFault(fault)).before("rebuild", "id: lifted", "uses: fault/undo", "with: { fault: break }");
}

interface Drilled {
  readonly desk: FailoverDesk;
  readonly code: number | null;
  readonly result: RunResult;
}

async function drill(book: Playbook): Promise<Drilled> {
  const desk = await failoverDesk(ha, book);
  await using run = desk.start();
  const { code } = await run.ended;
  return { desk, code, result: await desk.result() };
}

const after = async (desk: FailoverDesk) => aftermath(ha, desk.state, await ledgerOf(desk));

const STANDBY = { role: "standby", timeline: 2, standbySignal: true };
const PRIMARY = { role: "primary", timeline: 2, standbySignal: false };

/** Of the standbys the one that had received most took over, whichever that was. */
function taken({ writable, nodes, left }: Aftermath, a: unknown): void {
  const [now = "", ...more] = writable;
  expect(["b", "c"]).toContain(now);
  expect({ more, nodes, left }).toEqual({ more: [], nodes: { a, b: STANDBY, c: STANDBY, [now]: PRIMARY }, left });
}

async function requirePassed(book: Playbook): Promise<void> {
  const { desk, result } = await drill(book);
  expect(result).toMatchObject({
    reasons: [{ rule: "ALL_MET" }],
    marks: ["T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7"].map((mark) => ({ mark, status: "measured" })),
    durations: { outageClient: { status: "measured" }, fencing: { status: "measured" } },
    loss: { lostAcknowledged: { status: "measured" } },
    cleanup: { status: "verified" },
  });
  const end = await after(desk);
  taken(end, STANDBY);
  expect(end.left).toEqual(NOTHING_LEFT);
}

describe("each fault ends in a verdict with outage and loss measured, and the old primary streams from the new one", () => {
  test("killed", () => withFault("fault/kill").then(requirePassed));
  test("frozen", () => withFault("fault/freeze").then(requirePassed));
  test.skipIf(!filter)(`partitioned${filter ? "" : " (SKIPPED: needs root and nft or iptables)"}`, () =>
    lifted("fault/partition").then(requirePassed),
  );
  test.skipIf(!root)(`its disk full${root ? "" : " (SKIPPED: needs root, to mount a small file system)"}`, async () => {
    const { control } = failoverDeps(ha);
    const a = nodeOf(ha, "a");
    const mounted = await ontoTmpfs(a, control, "400m");
    try {
      await requirePassed(await lifted("fault/disk-full"));
    } finally {
      await control.kill(a, { supervisor: false }, AbortSignal.timeout(10_000)).catch(() => undefined);
      await mounted[Symbol.asyncDispose]();
    }
  });
});

test.skipIf(!filter)(
  "a rebuild behind a partition that was not lifted fails with a reason; cleanup lifts it",
  async () => {
    const { desk, result } = await drill(await withFault("fault/partition"));
    expect(result.result).toBe("error");
    expect(result.reasons[0]).toMatchObject({ rule: "STEP_BROKE", message: containing("REBUILD_UNREACHABLE") });
    expect(result.cleanup.status).toBe("verified");
    const end = await after(desk);
    taken(end, { role: "down", timeline: null, standbySignal: true });
    // Its own configuration, for the rebuild that is still to come.
    expect(end.left).toEqual({ ...NOTHING_LEFT, folders: [`data.own-${desk.runId()}`] });
  },
);

test("a fault of a step that put in none cannot be undone", async () => {
  const book = await shipped("failover-replica");
  const { desk, result } = await drill(book.before("kill", "uses: fault/undo", "with: { fault: traffic }"));
  expect(result.result).toBe("error");
  expect(result.reasons[0]).toMatchObject({ rule: "STEP_BROKE", message: containing("FAULT_NOT_PUT_IN") });
  expect(await after(desk)).toMatchObject({ writable: ["a"], left: NOTHING_LEFT });
});
