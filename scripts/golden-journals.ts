// Makes the journals that later versions must be able to read: real drills and runs of the engine, without a trace of this machine.
// `node scripts/golden-journals.ts [name...]`, once for a release (docs/journal.md). Needs a PostgreSQL server, as the demo does. What
// was made before is not replaced: it is what a release wrote.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "../src/drills/plan.ts";
import { parseJournal } from "../src/engine/journal/journal-reader.ts";
import { PROJECT } from "../test/support/cli-lab.ts";
import { ENGINE_RUNS, runEngine } from "../test/support/golden-engine-runs.ts";
import { neutral, type Places } from "../test/support/golden-neutral.ts";
import { realRuns } from "../test/support/golden-real-runs.ts";
import { GOLDEN, stateOf } from "../test/support/golden-state.ts";

// Our own package.json.
const { version } = JSON.parse(await readFile(join(PROJECT, "package.json"), "utf8")) as { readonly version: string };
const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);

for (const run of ENGINE_RUNS.filter(({ name }) => isWanted(name))) {
  const state = await mkdtemp(join(tmpdir(), "firedrill-golden-"));
  await keep(run.name, run.plan, await runEngine(run, state), { [state]: "/srv/drills/state" });
  await rm(state, { recursive: true });
}
if (wanted.length === 0 || wanted.some((name) => !name.startsWith("engine-")))
  await realRuns(async ({ name, dir, places }) => {
    if (!isWanted(name)) return;
    // Written by the engine for this very run.
    const plan = JSON.parse(await readFile(join(dir, "plan.json"), "utf8")) as Plan;
    await keep(name, plan, await readFile(join(dir, "journal.jsonl")), places);
  });

async function keep(name: string, plan: Plan, bytes: Buffer, places: Places): Promise<void> {
  const into = join(GOLDEN, version, name);
  if (existsSync(into)) {
    console.log(`${version}/${name} is there already`);
    return;
  }
  const run = neutral(plan, parseJournal(bytes, name).records, { ...places, [PROJECT]: "/opt/firedrill" });
  await mkdir(into, { recursive: true });
  await writeFile(join(into, "journal.jsonl"), run.journal);
  await writeFile(join(into, "plan.json"), pretty(run.plan));
  await writeFile(join(into, "result.json"), pretty(run.result));
  await writeFile(join(into, "state.json"), pretty(stateOf(run.plan, run.records)));
  console.log(`${version}/${name}: ${run.records.length} records, ${run.result.result}`);
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
