import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { aftermath, type Aftermath, NOTHING_LEFT } from "../../support/failover-aftermath.ts";
import { type FailoverDesk, failoverDesk, ledgerOf, type Playbook, shipped } from "../../support/failover-run.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { openTruthDesk, type TruthDesk, waitingForTruth } from "../../support/loss-truth.ts";
import { reportedLost } from "../../support/truth-drill.ts";

let shared: HaCluster | null = null;
afterAll(() => shared?.[Symbol.asyncDispose]());

/** The one of the test before when it is whole again. */
async function wholeCluster(): Promise<{ readonly ha: HaCluster; readonly before: Aftermath }> {
  for (;;) {
    const settings = { track_commit_timestamp: "on", wal_retrieve_retry_interval: "100ms" };
    shared ??= await startHaCluster({ names: ["a", "b"], settings });
    const before = await aftermath(shared, null, []);
    const [a, b] = Object.values(before.nodes);
    const whole = before.writable.length === 1 && a?.timeline !== null && a?.timeline === b?.timeline;
    if (whole && a?.standbySignal !== b?.standbySignal) return { ha: shared, before };
    await shared[Symbol.asyncDispose]();
    shared = null;
  }
}

/** The shipped failover, which asks before a step; nobody answers, so there it stays. */
async function book(truth: TruthDesk, askBefore: string | null): Promise<Playbook> {
  const plain = (await shipped("failover-replica")).replace(
    "replicas",
    "id: replicas",
    "uses: postgres/replica-status",
    "with: { minStandbys: 1, within: 30s }",
  );
  const asking = askBefore === null ? plain : plain.before(askBefore, "id: may-we", "uses: approval", "with: { question: Go on? }");
  return { ...asking, text: waitingForTruth(asking.text, truth) };
}

interface Case {
  readonly ha: HaCluster;
  readonly before: Aftermath;
  readonly desk: FailoverDesk;
  readonly truth: TruthDesk;
}

async function during(askBefore: string | null, work: (one: Case) => Promise<void>): Promise<void> {
  const { ha, before } = await wholeCluster();
  await using truth = await openTruthDesk(ha);
  await work({ ha, before, truth, desk: await failoverDesk(ha, await book(truth, askBefore)) });
}

const started = (step: string) => (event: { type: string; data: Record<string, unknown> }) =>
  event.type === "step.started" && event.data["step"] === step;

type Promoted = "no" | "yes" | "either";

/** One primary, the old one or the promoted one, which takes writes; and nothing is left. */
async function requireSound({ ha, before, desk }: Case, promoted: Promoted): Promise<Aftermath> {
  const after = await aftermath(ha, desk.state, await ledgerOf(desk));
  const { folders, ...left } = after.left;
  expect({ ...left, folders: [] }).toEqual(NOTHING_LEFT);
  const [old = ""] = before.writable;
  const [now = "", ...more] = after.writable;
  expect(more).toEqual([]);
  const rise = (after.nodes[now]?.timeline ?? 0) - (before.nodes[old]?.timeline ?? 0);
  const roles = { changed: now !== old, rise, signal: after.nodes[now]?.standbySignal };
  const kept = { changed: false, rise: 0, signal: false };
  const moved = { changed: true, rise: 1, signal: false };
  expect(promoted === "no" ? [kept] : promoted === "yes" ? [moved] : [kept, moved]).toContainEqual(roles);
  // The old one is a standby by now, or stays down and would start as one.
  if (roles.changed) expect(after.nodes[old]).toMatchObject({ standbySignal: true });
  return after;
}

const HELD = [
  { before: "fence", promoted: "no" },
  { before: "promote", promoted: "no" },
  { before: "service", promoted: "yes" },
  { before: "rebuild", promoted: "yes" },
  { before: "ledger", promoted: "yes" },
] as const;

describe.each(HELD)("while it asks before $before", ({ before: step, promoted }) => {
  test("halted: it stops within five seconds, and the system has one primary", () =>
    during(step, async (one) => {
      await using run = one.desk.start();
      await run.until(started("may-we"));
      const askedAt = performance.now();
      await one.desk.firedrill("halt", one.desk.runId(), "--who", "ada", "--reason", "lunch");
      await run.until(({ type }) => type === "cleanup.begun");
      expect(performance.now() - askedAt).toBeLessThan(5000);
      const { code } = await run.ended;
      const { reasons } = await one.desk.result();
      console.log(JSON.stringify(reasons[0]));
      expect({ code, reasons: reasons.slice(0, 1) }).toMatchObject({ code: 4, reasons: [{ rule: "HALTED" }] });
      await requireSound(one, promoted);
    }));
});

describe.each([HELD[0], HELD[1], HELD[3]])("Ctrl-C while it asks before $before", ({ before: step, promoted }) => {
  test("stops into its cleanup, and the system has one primary", () =>
    during(step, async (one) => {
      await using run = one.desk.start();
      await run.until(started("may-we"));
      run.kill("SIGINT");
      const { code } = await run.ended;
      const { reasons } = await one.desk.result();
      console.log(JSON.stringify(reasons[0]));
      expect({ code, reasons: reasons.slice(0, 1) }).toMatchObject({ code: 4, reasons: [{ rule: "HALTED" }] });
      await requireSound(one, promoted);
    }));
});

const STRUCK = [
  { at: "kill", promoted: "no" },
  { at: "fence", promoted: "no" },
  { at: "promote", promoted: "either" },
  { at: "service", promoted: "yes" },
  { at: "rebuild", promoted: "yes" },
] as const;

describe.each(STRUCK)("the orchestrator is killed when $at begins", ({ at, promoted }) => {
  test("clean ends the run, and the system has one primary", () =>
    during(null, async (one) => {
      await using run = one.desk.start();
      await run.until(started(at));
      run.kill("SIGKILL");
      await run.ended;
      expect(await one.desk.firedrill("clean")).toMatchObject({ code: 0 });
      expect(await one.desk.result()).toMatchObject({ result: "aborted", cleanup: { status: "verified" } });
      await requireSound(one, promoted);
    }));

  test("resumed it ends as without the crash: one promotion, and the loss is the true one", () =>
    during(null, async (one) => {
      await using run = one.desk.start();
      await run.until(started(at));
      run.kill("SIGKILL");
      await run.ended;
      const { code, stderr } = await one.desk.firedrill("resume", one.desk.runId());
      const result = await one.desk.result();
      expect({ code, stderr, reasons: result.reasons }).toMatchObject({ code: 0 });
      const after = await requireSound(one, "yes");
      expect(Object.values(after.nodes).map(({ role }) => role).toSorted()).toEqual(["primary", "standby"]);
      expect(promotionsIn(one.desk.runDir())).toBe(1);
      expect(reportedLost(result)).toEqual(trulyLost(one));
    }));
});

function promotionsIn(runDir: string): number {
  const lines = readFileSync(join(runDir, "journal.jsonl"), "utf8").trim().split("\n");
  return lines.filter((line) => line.includes('"kind":"promotion"')).length;
}

/** Acknowledged by the writers' own files, and not in the table when the run was over but for its cleanup. */
function trulyLost({ desk, truth }: Case): ReadonlySet<string> {
  const survivors = truth.survivors();
  const dir = desk.runDir();
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ledger"));
  const lines = files.flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n"));
  const acknowledged = lines.filter((line) => line.startsWith("a ")).map((line) => line.split(" ").slice(2, 4).join("/"));
  expect(acknowledged.length).toBeGreaterThan(0);
  return new Set(acknowledged.filter((key) => !survivors.has(key)));
}
