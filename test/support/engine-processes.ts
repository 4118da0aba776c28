import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runIds } from "../../src/engine/state/run-directory.ts";
import type { Plan } from "../../src/drills/plan.ts";
import type { RunEvent } from "../../src/drills/run-event.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import type { WriteStage } from "../../src/engine/journal/journal-writer.ts";
import { type Bench, engineBench, requestFor } from "./engine-bench.ts";
import { worldKeeper, worldSteps } from "./engine-world.ts";

/** A state directory and a world, and orchestrators in processes of their own on them. Ends them and removes both. */
export interface Stage extends AsyncDisposable {
  readonly state: string;
  readonly world: string;
  /** An engine in this process on the same state and world. */
  bench(deps?: Partial<EngineDeps>): Promise<Bench>;
  /** Starts an orchestrator that kills itself; resolves with its run when it is dead. */
  killed(...args: readonly string[]): Promise<string>;
  /**
   * The same in this process, quicker: the journal breaks at the n-th time that the stage and the type are reached, which leaves on disk
   * what a kill at that instant leaves.
   */
  crashed(plan: Plan, at: WriteStage, type: RunEvent["type"], count?: number): Promise<string>;
  /** Starts an orchestrator; resolves when it has a run. */
  start(
    ...args: readonly string[]
  ): Promise<{ readonly child: ChildProcess; readonly runId: string; readonly ended: Promise<string | null> }>;
}

const CHILD = fileURLToPath(new URL("engine-child.ts", import.meta.url));

export async function engineStage(): Promise<Stage> {
  const [state, world] = await Promise.all(
    ["state", "world"].map((name) => mkdtemp(join(tmpdir(), `firedrill-engine-${name}-`))),
  );
  if (state === undefined || world === undefined) throw new Error("two folders were asked for");
  const children: ChildProcess[] = [];
  const spawnChild = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [CHILD, state, world, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };
  return {
    state,
    world,
    bench: (deps) =>
      engineBench({ stateDir: state, steps: worldSteps(world), deps: { keepers: [worldKeeper(world)], ...deps } }),
    async killed(...args) {
      const child = spawnChild(args);
      await once(child, "exit");
      if (child.signalCode !== "SIGKILL")
        throw new Error(`the orchestrator was to be killed and ended with ${String(child.exitCode)}`);
      const [runId] = await runIds(state);
      return runId ?? "";
    },
    async crashed(plan, at, type, count = 1) {
      let left = count;
      const bench = await engineBench({
        stateDir: state,
        steps: worldSteps(world),
        deps: { keepers: [worldKeeper(world)], crashPoint },
      });
      function crashPoint(stage: string, about: string): void {
        if (stage === at && about.split(" ").includes(type)) left -= 1;
        if (stage === at && left === 0) throw new Error("crash");
      }
      const { runId, outcome } = await startRun(requestFor(plan), bench.deps);
      await outcome.then(
        () => Promise.reject(new Error("the run was to crash")),
        () => {},
      );
      return runId;
    },
    async start(...args) {
      const child = spawnChild(args);
      const ended = once(child, "exit").then(([, signal]) => (typeof signal === "string" ? signal : null));
      const runId = await firstRunId(child);
      return { child, runId, ended };
    },
    async [Symbol.asyncDispose]() {
      for (const child of children.filter((one) => one.exitCode === null && one.signalCode === null)) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await Promise.all([state, world].map((dir) => rm(dir, { recursive: true, force: true })));
    },
  };
}

async function firstRunId(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("the child's output is a pipe");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("running ")) return line.slice("running ".length);
  }
  throw new Error("the orchestrator ended before it had a run");
}
