import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { isStopped } from "../../src/support/process-identity.ts";
import { type Bench, engineBench } from "./engine-bench.ts";
import { ownerKeeper, ownerSteps } from "./owner-world.ts";

const CHILD = fileURLToPath(new URL("owner-child.ts", import.meta.url));

/** An orchestrator that does what it is told (owner-child.ts). */
export interface Owner {
  readonly pid: number;
  tell(line: string): void;
  /** The next line it says, as words. */
  next(): Promise<readonly string[]>;
  readonly ended: Promise<NodeJS.Signals | number | null>;
  signal(name: NodeJS.Signals): void;
}

/** Where and how an owner is hit: stage, subject, the how-manieth time, signal. */
export type Hit = readonly [stage: string, about: string, count: number, signal: NodeJS.Signals];

/** A state directory and a world, and orchestrators on them. Ends them and removes both. */
export interface OwnerStage extends AsyncDisposable {
  readonly state: string;
  readonly world: string;
  bench(deps?: Partial<EngineDeps>): Promise<Bench>;
  owner(hit?: Hit): Owner;
}

export async function ownerStage(): Promise<OwnerStage> {
  const base = await mkdtemp(join(tmpdir(), "firedrill-owner-"));
  const [state, world] = [join(base, "state"), join(base, "world")];
  const children: ChildProcess[] = [];
  return {
    state,
    world,
    bench: (deps) =>
      engineBench({ stateDir: state, steps: ownerSteps(world), deps: { keepers: [ownerKeeper(world)], ...deps } }),
    owner(hit) {
      const child = spawn(process.execPath, ["--no-warnings", CHILD, state, world, ...(hit ?? []).map(String)], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      children.push(child);
      return asOwner(child);
    },
    async [Symbol.asyncDispose]() {
      for (const child of children.filter((one) => one.exitCode === null && one.signalCode === null)) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(base, { recursive: true, force: true });
    },
  };
}

function asOwner(child: ChildProcess): Owner {
  const { stdin, stdout, pid } = child;
  if (stdin === null || stdout === null || pid === undefined) throw new Error("the child was started with pipes");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code)),
  );
  return {
    pid,
    ended,
    tell: (line) => void stdin.write(`${line}\n`),
    async next() {
      const line = await lines.next();
      if (line.done === true) throw new Error("the orchestrator ended and said nothing more");
      return line.value.split(" ");
    },
    signal: (name) => void child.kill(name),
  };
}

/** Resolves when the process stands still. */
export async function untilStill(pid: number): Promise<void> {
  while (!isStopped(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}
