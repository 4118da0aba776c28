import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { CliEvent } from "./cli-run.ts";
import { aftermath, type Aftermath, NOTHING_LEFT } from "./failover-aftermath.ts";
import {
  type FailoverDesk,
  failoverDesk,
  ledgerOf,
  type Playbook,
  shipped,
  type ShippedFailover,
} from "./failover-run.ts";
import type { RunResult } from "../../src/drills/result.ts";
import { type HaCluster, startHaCluster } from "./ha-cluster.ts";
import { openTruthDesk, type TruthDesk, waitingForTruth } from "./loss-truth.ts";
import { reportedLost } from "./truth-drill.ts";

/** What is interrupted: a shipped failover on a cluster that was whole before. */
export interface Interruptible {
  readonly ha: HaCluster;
  readonly before: Aftermath;
  readonly desk: FailoverDesk;
  readonly truth: TruthDesk;
}

export interface Interruption {
  readonly playbook?: ShippedFailover;
  /** Instead of killing the primary. */
  readonly fault?: string;
  /** Before this step it asks; nobody answers, so there it stays. Its id is `may-we`. */
  readonly askBefore?: string;
}

/** One cluster for the tests of a file, made anew when a test has not left it whole. */
export class SharedCluster implements AsyncDisposable {
  #ha: HaCluster | null = null;

  async during(how: Interruption, work: (one: Interruptible) => Promise<void>): Promise<void> {
    const { ha, before } = await this.#whole();
    await using truth = await openTruthDesk(ha);
    await work({ ha, before, truth, desk: await failoverDesk(ha, await playbookOf(how, truth)) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ha?.[Symbol.asyncDispose]();
    this.#ha = null;
  }

  async #whole(): Promise<{ readonly ha: HaCluster; readonly before: Aftermath }> {
    for (;;) {
      const settings = { track_commit_timestamp: "on", wal_retrieve_retry_interval: "100ms" };
      this.#ha ??= await startHaCluster({ names: ["a", "b"], settings });
      const before = await aftermath(this.#ha, null, []);
      const [a, b] = Object.values(before.nodes);
      const streams = a?.timeline !== null && a?.timeline === b?.timeline && a?.standbySignal !== b?.standbySignal;
      if (before.writable.length === 1 && streams) return { ha: this.#ha, before };
      await this[Symbol.asyncDispose]();
    }
  }
}

async function playbookOf(
  { playbook = "failover-replica", fault = "fault/kill", askBefore }: Interruption,
  truth: TruthDesk,
): Promise<Playbook> {
  const book = (await shipped(playbook))
    .replace("replicas", "id: replicas", "uses: postgres/replica-status", "with: { minStandbys: 1, within: 30s }")
    .replace("kill", "id: kill", `uses: ${fault}`, "with: { node: primary }");
  const asking = askBefore === undefined ? book : book.before(askBefore, ...MAY_WE);
  return { ...asking, text: waitingForTruth(asking.text, truth) };
}

const MAY_WE = ["id: may-we", "uses: approval", "with: { question: Go on? }"] as const;

export const started =
  (step: string) =>
  (event: CliEvent): boolean =>
    event.type === "step.started" && event.data["step"] === step;

export type Promoted = "no" | "yes" | "either";

/** One primary, the old one or the promoted one, which takes writes; and nothing is left. */
export async function requireSound({ ha, before, desk }: Interruptible, promoted: Promoted): Promise<Aftermath> {
  const after = await aftermath(ha, desk.state, await ledgerOf(desk));
  // A rebuild that was cut off keeps the server's own files for the next one.
  expect({ ...after.left, folders: [] }).toEqual(NOTHING_LEFT);
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

export function promotionsIn(runDir: string): number {
  const lines = readFileSync(join(runDir, "journal.jsonl"), "utf8").trim().split("\n");
  return lines.filter((line) => line.includes('"kind":"promotion"')).length;
}

/** What the program says is lost is what is lost. Writers that a busy machine kept waiting before T0 prove no zero, which it has to say. */
export function requireTrueLoss(one: Interruptible, result: RunResult): void {
  const { lostAcknowledged: lost } = result.loss;
  if (lost.status === "measured") expect(reportedLost(result)).toEqual(trulyLost(one));
  else expect([lost.reason, trulyLost(one).size]).toEqual([expect.stringContaining(SILENT), 0]);
}

export const SILENT = "the writers were silent for";

/** Acknowledged by the writers' own files, and not in the table when the run was over but for its cleanup. */
export function trulyLost({ desk, truth }: Interruptible): ReadonlySet<string> {
  const survivors = truth.survivors();
  const dir = desk.runDir();
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ledger"));
  const lines = files.flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n"));
  const acknowledged = lines
    .filter((line) => line.startsWith("a "))
    .map((line) => line.split(" ").slice(2, 4).join("/"));
  expect(acknowledged.length).toBeGreaterThan(0);
  return new Set(acknowledged.filter((key) => !survivors.has(key)));
}
