/**
 * Runs drills on a small file system that becomes full at a chosen instant: `node journal-full-child.ts <state dir> <world dir>`, the
 * state directory on the small file system. Reads orders from stdin, one JSON a line, and answers each with a line of JSON.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cleanState } from "../../src/engine/clean-state.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import { parseJournal } from "../../src/engine/journal/journal-reader.ts";
import { runDir } from "../../src/engine/state/state-directory.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import { engineBench, requestFor } from "./engine-bench.ts";
import { promotions, things, WORLD_PLAN, worldKeeper, worldSteps } from "./engine-world.ts";

export interface FullOrder {
  /** The disk is filled right before the write that holds the n-th record of this type. */
  readonly type: string;
  readonly count: number;
  /** Moves the place in the write at which the page ends: that many bytes are put into the first record. */
  readonly padding: number;
  /** False: the reserve was lost before. */
  readonly reserve: boolean;
}

export interface FullAnswer {
  /** Bytes of the write that fit; null when the disk was not filled. */
  readonly fitted: number | null;
  /** Bytes that the write has. */
  readonly wanted: number;
  /** `result` and its exit code, or the code of the error. */
  readonly end: string;
  readonly rule: string | null;
  readonly deviations: readonly string[];
  readonly types: readonly string[];
  readonly torn: number;
  readonly resultKept: boolean;
  readonly reserveKept: boolean;
  readonly promotions: number;
  readonly things: readonly string[];
  /** Of a `clean` after room was made. */
  readonly cleaned: readonly string[];
  readonly left: readonly string[];
}

const PAGE = 4096;
const [state = "", world = ""] = process.argv.slice(2);
const ballast = join(state, "ballast");

for await (const line of createInterface({ input: process.stdin })) {
  // Written by the test.
  const answer = await answerTo(JSON.parse(line) as FullOrder);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function answerTo(order: FullOrder): Promise<FullAnswer> {
  const found: { at: number | null; records: number } = { at: null, records: 0 };
  let left = order.count;
  const bench = await engineBench({
    stateDir: state,
    steps: worldSteps(world),
    deps: {
      keepers: [worldKeeper(world)],
      random: randomBytes,
      crashPoint: (at, about) => {
        if (at === "before-append" && about.split(" ").includes(order.type)) left -= 1;
        if (at !== "before-append" || left !== 0) return;
        left = -1;
        const [name = ""] = readdirSync(join(state, "runs"));
        found.at = statSync(join(state, "runs", name, "journal.jsonl")).size;
        found.records = about.split(" ").length;
        if (!order.reserve) rmSync(join(state, "runs", name, "journal.reserve"));
        fill();
      },
    },
  });
  const request = { ...requestFor(WORLD_PLAN), trigger: "x".repeat(order.padding) };
  const handle = await startRun(request, bench.deps);
  const end = await handle.outcome.then(
    ({ result }) => ({
      end: `${result.result} ${result.exitCode}`,
      rule: result.rule,
      deviations: result.deviations.map((one) => one.code),
    }),
    (error: unknown) => ({
      end: error instanceof FiredrillError ? error.code : String(error),
      rule: null,
      deviations: [],
    }),
  );
  const dir = runDir(state, handle.runId);
  const journal = readFileSync(join(dir, "journal.jsonl"));
  const { records, torn } = parseJournal(journal, "journal");
  const inWorld = { promotions: (await promotions(world)).length, things: await things(world) };
  rmSync(ballast, { force: true });
  const resultKept = existsSync(join(dir, "result.json"));
  const reserveKept = existsSync(join(dir, "journal.reserve"));
  const report = await cleanState({ ...bench.deps, crashPoint: () => undefined }, new AbortController().signal);
  const after = { cleaned: report.runs.map(({ kind }) => kind), left: await things(world) };
  rmSync(dir, { recursive: true, force: true });
  rmSync(join(world, "promotions"), { force: true });
  return {
    ...placeOf(found, journal),
    ...end,
    types: records.map(({ type }) => type),
    torn: torn?.bytes ?? 0,
    resultKept,
    reserveKept,
    ...inWorld,
    ...after,
  };
}

/** Of the write that found the disk full: the bytes for which there was room, and all of its bytes if they are there by now. */
function placeOf(
  found: { readonly at: number | null; readonly records: number },
  journal: Buffer,
): Pick<FullAnswer, "fitted" | "wanted"> {
  if (found.at === null) return { fitted: null, wanted: 0 };
  const lines = journal.subarray(found.at).toString("latin1").split("\n").slice(0, found.records);
  return { fitted: (PAGE - (found.at % PAGE)) % PAGE, wanted: lines.join("\n").length + 1 };
}

/** Until not one page is free. */
function fill(): void {
  for (const chunk of [256 * 1024, PAGE]) {
    const bytes = Buffer.alloc(chunk, 1);
    for (;;) {
      try {
        writeFileSync(ballast, bytes, { flag: "a" });
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOSPC") break;
        throw error;
      }
    }
  }
}
