import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seedsAsked } from "../simulation/check-sweep.ts";
import { inWords, missing, type Tally, together } from "../simulation/tally.ts";

const FOLDER = join(import.meta.dirname, "..", "simulation");
/** Of one process: what it keeps in memory does not grow with the seeds, and progress is seen. */
const CHUNK = 20_000;
const WORKERS = 2;

test("every promise of the engine holds in a million simulated runs", { timeout: 6 * 3_600_000 }, async () => {
  const seeds = seedsAsked(1_000_000);
  const begun = performance.now();
  const waiting = Array.from({ length: Math.ceil(seeds / CHUNK) }, (_, index) => index * CHUNK);
  const tallies: Tally[] = [];
  const worker = async (): Promise<void> => {
    for (let from = waiting.shift(); from !== undefined; from = waiting.shift()) {
      tallies.push(await sweptApart(from, Math.min(from + CHUNK, seeds)));
      process.stdout.write(`simulated ${together(tallies).seeds} of ${seeds}\n`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const all = together(tallies);
  const words = inWords(all, (performance.now() - begun) / 1000);
  process.stdout.write(`\n${words}\n`);
  expect(all.broken, words).toEqual([]);
  expect(all.seeds).toBe(seeds);
  expect(seeds >= 10_000 ? missing(all, seeds / 5000) : [], words).toEqual([]);
});

test(
  "the simulation notices when a guard, a sync or a rule of the engine is missing",
  { timeout: 4 * 3_600_000 },
  async () => {
    const child = spawn(process.execPath, [join(FOLDER, "mutate.ts")], { stdio: ["ignore", "pipe", "inherit"] });
    const lines: string[] = [];
    child.stdout.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      lines.push(chunk.toString("utf8"));
    });
    await once(child, "close");
    expect(child.exitCode, lines.join("")).toBe(0);
  },
);

async function sweptApart(from: number, to: number): Promise<Tally> {
  const argv = [join(FOLDER, "sweep.ts"), String(from), String(to)];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
  await once(child, "close");
  // Decode boundary: our own program's only line.
  return JSON.parse(out) as Tally;
}
