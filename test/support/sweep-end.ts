import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../src/drills/result.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { readJournal } from "../../src/engine/journal/journal-reader.ts";
import { recorded } from "../../src/engine/journal/journal-record.ts";
import { emptyMemory, outstandingResources, remember } from "../../src/engine/run-memory.ts";
import { tryLock } from "../../src/engine/state/exclusive-lock.ts";
import { journalPath, resultPath, runIds } from "../../src/engine/state/run-directory.ts";
import { runDir } from "../../src/engine/state/state-directory.ts";
import { readWorld } from "./sweep-world.ts";

/** All that a person could see when a run is over: of the result, of the world, of the state directory. */
export interface End {
  /** Null: the run never began. */
  readonly verdict: Verdict | null;
  readonly deviations: readonly string[];
  /** Steps of which nobody could tell what they did. */
  readonly doubted: readonly string[];
  readonly epochs: number;
  readonly acts: readonly string[];
  /** Roles of the servers. */
  readonly nodes: readonly string[];
  /** What is wrong whatever was to be expected: something left behind, a journal that does not verify. */
  readonly faults: readonly string[];
}

export type Verdict = Pick<RunResult, "result" | "exitCode" | "rule"> & {
  readonly rto: string;
  readonly rpo: string;
  readonly lost: number | null;
  readonly checks: readonly string[];
  readonly steps: readonly string[];
};

export async function endOf(dir: string, { state }: EngineDeps): Promise<End> {
  const [runId] = await runIds(state.root);
  const world = readWorld(dir);
  const nodes = Object.entries(world.nodes).map(
    ([name, { up, primary, follows, cut, timeline }]) =>
      `${name}: ${up ? "up" : "down"}, ${primary ? "primary" : `standby of ${follows}`}, timeline ${timeline}${cut ? ", cut off" : ""}`,
  );
  const things = Object.keys(world.things).map((thing) => `left in the world: ${thing}`);
  const files = [...temporaryFiles(dir), ...heldLocks(state.root, runId ?? null)];
  const seen = { acts: world.acts, nodes };
  if (runId === undefined)
    return { verdict: null, deviations: [], doubted: [], epochs: 0, ...seen, faults: [...things, ...files] };
  const run = runDir(state.root, runId);
  const journal = await journalFaults(run);
  if (!existsSync(resultPath(run)))
    return {
      verdict: null,
      deviations: [],
      doubted: [],
      epochs: 0,
      ...seen,
      faults: [...things, ...files, ...journal, "no result"],
    };
  // Written by the engine.
  const result = JSON.parse(readFileSync(resultPath(run), "utf8")) as RunResult;
  const cleanup = ["verified", "nothing_created"].includes(result.cleanup.status)
    ? []
    : [`cleanup is ${result.cleanup.status}`];
  const deviations = result.deviations.map(({ code }) => code).toSorted();
  const faults = [...things, ...files, ...journal, ...cleanup];
  const doubted = result.steps.filter(({ outcome }) => outcome === "in_doubt").map(({ id }) => id);
  return { verdict: verdictOf(result), deviations, doubted, epochs: result.run.epochs, ...seen, faults };
}

function verdictOf({ result, exitCode, rule, objectives, loss, checks, steps }: RunResult): Verdict {
  const { lostAcknowledged } = loss;
  return {
    result,
    exitCode,
    rule,
    rto: objectives.rto.verdict,
    rpo: objectives.rpo.verdict,
    lost: lostAcknowledged.status === "measured" ? lostAcknowledged.lost : null,
    checks: checks.map(({ step, status }) => `${step} ${status}`),
    steps: steps.map(({ id, outcome }) => `${id} ${outcome}`),
  };
}

async function journalFaults(run: string): Promise<readonly string[]> {
  const { records, torn } = await readJournal(journalPath(run));
  const memory = emptyMemory();
  for (const record of records) remember(memory, recorded(record));
  const ends = records.filter(({ type }) => type === "run.finished").length;
  return [
    ...(torn === null ? [] : ["its journal ends with half a record"]),
    ...(ends === 1 ? [] : [`its journal has ${ends} ends`]),
    ...(records.at(-1)?.type === "run.finished" ? [] : ["its journal goes on after the end"]),
    ...outstandingResources(memory).map(({ kind, title }) => `open in the ledger: ${kind} ${title}`),
    ...(records.every(({ epoch }, index) => epoch >= (records[index - 1]?.epoch ?? 1)) ? [] : ["an epoch went back"]),
  ];
}

function temporaryFiles(dir: string): readonly string[] {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".tmp") || name.endsWith(".next"))
    .map((name) => `a file is left: ${name}`);
}

function heldLocks(root: string, runId: string | null): readonly string[] {
  const locks = [
    join(root, "systems", "orders", "lock"),
    ...(runId === null ? [] : [join(runDir(root, runId), "owner.lock")]),
  ];
  return locks.filter((lock) => existsSync(lock) && !isFree(lock)).map((lock) => `a lock is held: ${lock}`);
}

function isFree(path: string): boolean {
  using lock = tryLock(path);
  return lock !== null;
}

/** What a crash may change: that it was taken over is on record, and what was torn. Nothing else. */
export function differences(end: End, wanted: End, allowed: readonly string[]): readonly string[] {
  const faults = [...end.faults];
  const differ = (what: string, got: unknown, want: unknown): void => {
    const [is, should] = [JSON.stringify(got), JSON.stringify(want)];
    if (is !== should) faults.push(`${what}: ${is} instead of ${should}`);
  };
  differ("deviations", end.deviations, [...wanted.deviations, ...allowed].toSorted());
  differ("acts", end.acts, wanted.acts);
  differ("servers", end.nodes, wanted.nodes);
  differ("verdict", end.verdict, afterCrash(wanted.verdict, allowed.length > 0));
  return faults;
}

function afterCrash(verdict: Verdict | null, deviates: boolean): Verdict | null {
  return verdict?.result === "passed" && deviates
    ? { ...verdict, result: "passed_with_deviations", rule: "DEVIATIONS" }
    : verdict;
}
