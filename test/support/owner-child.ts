/**
 * An orchestrator in a process of its own that is told what to do by lines on its stdin, for tests of who owns what:
 * `node owner-child.ts <state dir> <world dir> [<stage> <about> <n> <signal>]`. At the n-th time that stage and subject are
 * reached it sends itself the signal. Lines in: `run <plan>`, `resume <run>`, `halt`. Lines out: `running <run>`,
 * `ended <result>`, `refused <code> <message>`.
 */
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import type { RunHandle } from "../../src/engine/drive-run.ts";
import type { CrashPoint } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import { type JournalFile, openJournalFile } from "../../src/engine/journal/journal-file.ts";
import { startResume } from "../../src/engine/resume-run.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import { engineBench, requestFor } from "./engine-bench.ts";
import { ownerKeeper, ownerPlan, ownerSteps } from "./owner-world.ts";

const [stateDir = "", worldDir = "", stage, about, count = "1", signal = "SIGKILL"] = process.argv.slice(2);
let left = Number(count);
function hit(at: string, what: string): void {
  if (at !== stage || !what.split(" ").includes(about ?? "")) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, signal);
}
const crashPoint: CrashPoint = hit;
/** Behind the fence: what stands still here has been asked whether the run is its own, and writes or syncs next. */
async function openJournal(path: string, create: boolean): Promise<JournalFile> {
  const file = await openJournalFile(path, create);
  let types = "";
  return {
    async write(text) {
      types = [...text.matchAll(/"type":"([^"]+)"/gu)].map(([, type]) => type).join(" ");
      hit("in-write", types);
      await file.write(text);
    },
    async sync() {
      hit("in-sync", types);
      await file.sync();
    },
    close: () => file.close(),
  };
}
const { deps } = await engineBench({
  stateDir,
  steps: ownerSteps(worldDir),
  deps: { keepers: [ownerKeeper(worldDir)], random: randomBytes, crashPoint, openJournal, limits: { haltPollMs: 50 } },
});
/** A list, as the run changes while lines are waited for. */
const running: RunHandle[] = [];

async function follow(begin: Promise<RunHandle>): Promise<void> {
  try {
    const run = await begin;
    running.push(run);
    say("running", run.runId);
    const { result } = await run.outcome;
    say("ended", result.result);
  } catch (error) {
    if (!(error instanceof FiredrillError)) throw error;
    say("refused", error.code, error.message);
  }
}

function say(...words: readonly string[]): void {
  process.stdout.write(`${words.join(" ")}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [order, what = ""] = line.split(" ");
  if (order === "run") void follow(startRun(requestFor(ownerPlan(what)), deps));
  if (order === "resume") void follow(startResume(what, deps));
  if (order === "halt") for (const run of running) run.halt({ by: "signal", reason: "test", who: null });
}
