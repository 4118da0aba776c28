/**
 * A state directory with many finished and some open runs: how long until the first run is taken over, how long all takes, and
 * how much memory, each in a process of its own; beside them what one would do by hand to find the open ones.
 * Run: `node bench/recovery.ts [finished] [open] [steps]`.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cleanState } from "../src/engine/clean-state.ts";
import { openRuns } from "../src/engine/list-runs.ts";
import { recoverState } from "../src/engine/recover-state.ts";
import { engineBench } from "../test/support/engine-bench.ts";
import { manyRuns } from "./support/many-runs.ts";

const run = promisify(execFile);
const { signal } = new AbortController();

interface Told {
  readonly firstMs: number | null;
  readonly totalMs: number;
  readonly count: number;
  readonly peakMiB: number;
}

const [first = "1000", ...rest] = process.argv.slice(2);
if (first === "--child") await child(rest[0] ?? "", rest[1] ?? "");
else await main(Number(first), Number(rest[0] ?? 100), Number(rest[1] ?? 40));

/** One command on one state directory; says what it took. */
async function child(what: string, stateDir: string): Promise<void> {
  const { deps } = await engineBench({ stateDir });
  const began = performance.now();
  let firstMs: number | null = null;
  const crashPoint = (): void => void (firstMs ??= performance.now() - began);
  const count = await commands(what, { ...deps, crashPoint });
  const totalMs = performance.now() - began;
  const told: Told = { firstMs, totalMs, count, peakMiB: process.resourceUsage().maxRSS / 1024 };
  console.log(JSON.stringify(told));
}

/** The first thing that is written is the first action: a crash point stands right before it. */
async function commands(what: string, deps: Parameters<typeof recoverState>[0]): Promise<number> {
  if (what === "resume --all") return (await recoverState(deps, { limit: 4, signal })).length;
  if (what === "clean") return (await cleanState(deps, signal)).runs.length;
  if (what === "status") return (await openRuns(deps.state.root, deps.clock.bootId)).length;
  return 0;
}

async function main(finished: number, open: number, steps: number): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), "firedrill-recovery-"));
  try {
    const state = join(base, "state");
    const bytes = await manyRuns(state, { finished, open, steps });
    console.log(`${finished} finished and ${open} open runs, ${(bytes / 2 ** 20).toFixed(0)} MiB of journals`);
    const handMs = await byHand(state, open);
    console.log(`by hand, grep for the end in every journal: ${handMs.toFixed(0)} ms`);
    for (const what of ["nothing", "status", "resume --all", "clean"]) await report(what, state, base, handMs);
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

async function report(what: string, state: string, base: string, handMs: number): Promise<void> {
  const copy = join(base, "copy");
  await cp(state, copy, { recursive: true });
  const { stdout } = await run(process.execPath, [
    "--no-warnings",
    fileURLToPath(import.meta.url),
    "--child",
    what,
    copy,
  ]);
  const { firstMs, totalMs, count, peakMiB } = JSON.parse(stdout) as Told; // our own form
  const when =
    firstMs === null
      ? ""
      : `first action after ${firstMs.toFixed(0)} ms (${(firstMs / handMs).toFixed(1)} times by hand), `;
  console.log(
    `${what.padEnd(12)}: ${count} runs, ${when}total ${totalMs.toFixed(0)} ms, peak ${peakMiB.toFixed(0)} MiB`,
  );
  await rm(copy, { recursive: true });
}

/** Names of the journals without an end, by the tools of any machine. */
async function byHand(state: string, open: number): Promise<number> {
  const began = performance.now();
  const script = `cat runs/*/journal.jsonl >/dev/null; grep -L '"type":"run.finished"' runs/*/journal.jsonl`;
  const { stdout } = await run("/bin/sh", ["-c", script], { cwd: state, maxBuffer: 1 << 24 });
  const found = stdout.trim().split("\n").length;
  if (found !== open) throw new Error(`by hand ${found} open runs were found`);
  return performance.now() - began;
}
