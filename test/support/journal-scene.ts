import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDir } from "../../src/engine/state/state-directory.ts";
import { type Bench, engineBench } from "./engine-bench.ts";
import type { Stage } from "./engine-processes.ts";
import { worldKeeper, worldSteps } from "./engine-world.ts";

/** A run that lost its orchestrator, in folders of its own that a test may damage. Disposed of with its files. */
export interface Scene extends AsyncDisposable {
  readonly runId: string;
  readonly world: string;
  readonly state: string;
  readonly dir: string;
  readonly journal: string;
  bytes(): Promise<Buffer>;
  bench(): Promise<Bench>;
}

/** Nothing was promoted; the thing was made and is on record. The last record that is noted as durable is the intent to promote or what follows it. */
export function lostRun(stage: Stage): Promise<string> {
  return stage.killed("world", "before-effect", "promote", "1");
}

export async function sceneOf(from: { readonly state: string; readonly world: string }, runId: string): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), "firedrill-engine-scene-"));
  const [state, world] = [join(root, "state"), join(root, "world")];
  await cp(from.state, state, { recursive: true });
  await cp(from.world, world, { recursive: true });
  const dir = runDir(state, runId);
  const journal = join(dir, "journal.jsonl");
  return {
    runId,
    state,
    world,
    dir,
    journal,
    bytes: () => readFile(journal),
    bench: () => engineBench({ stateDir: state, steps: worldSteps(world), deps: { keepers: [worldKeeper(world)] } }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Where each line begins, and the end. */
export function lineStarts(bytes: Buffer): readonly number[] {
  return [0, ...[...bytes.keys()].filter((index) => bytes[index] === 0x0a).map((index) => index + 1)];
}

/** `record` counts from 1. */
export function recordAt(bytes: Buffer, index: number): number {
  return lineStarts(bytes).filter((start) => start <= index).length;
}

export function flipped(bytes: Buffer, index: number, bit: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[index] = (bytes[index] ?? 0) ^ (1 << bit);
  return damaged;
}
