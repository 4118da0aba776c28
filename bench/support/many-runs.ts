import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { executeRun } from "../../src/engine/execute-run.ts";
import { readJournal } from "../../src/engine/journal/journal-reader.ts";
import { NO_PREVIOUS, seal } from "../../src/engine/journal/journal-record.ts";
import { runDir } from "../../src/engine/state/state-directory.ts";
import type { JournalRecord } from "../../src/drills/run-event.ts";
import type { JsonValue } from "../../src/support/json.ts";
import { engineBench, requestFor } from "../../test/support/engine-bench.ts";
import { planOf } from "../../test/support/engine-plan.ts";

export interface ManyRuns {
  readonly finished: number;
  readonly open: number;
  readonly steps: number;
}

/**
 * A state directory as many drills leave it: one real run, and copies of it with ids and hashes of their own; of the open
 * ones the orchestrator died when the given share of its records was written. Gives the bytes of all journals.
 */
export async function manyRuns(stateDir: string, { finished, open, steps }: ManyRuns): Promise<number> {
  await using bench = await engineBench({ stateDir });
  const plan = planOf(Array.from({ length: steps }, (_, index) => ({ id: `step-${index}` })));
  const { runId, dir } = await executeRun(requestFor(plan), bench.deps);
  const { records } = await readJournal(join(dir, "journal.jsonl"));
  const names = ["plan.json", "playbook.yaml", "owner.json", "result.json"];
  const files = new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name))] as const)));
  let bytes = 0;
  for (let index = 0; index < finished + open; index += 1) {
    const id = `20260101-${String(index).padStart(6, "0")}-aaaa`;
    const to = runDir(stateDir, id);
    const isOpen = index >= finished;
    await mkdir(to, { mode: 0o700 });
    for (const [name, content] of files)
      if (!isOpen || name !== "result.json") await writeFile(join(to, name), rewritten(name, content, runId, id));
    const text = journalOf(isOpen ? records.slice(0, Math.ceil(records.length * OPEN_SHARE)) : records, runId, id);
    await writeFile(join(to, "journal.jsonl"), text);
    bytes += text.length;
  }
  return bytes;
}

const OPEN_SHARE = 0.6;

/** The owner of a copy is a process that has ended. */
function rewritten(name: string, content: Buffer, from: string, to: string): string {
  const text = content.toString("utf8").replaceAll(from, to);
  return name === "owner.json" ? text.replace(/"startTicks": \d+/u, '"startTicks": 1') : text;
}

function journalOf(records: readonly JournalRecord[], from: string, to: string): string {
  let prev = NO_PREVIOUS;
  const lines = records.map(({ hash: _hash, data, ...rest }) => {
    const copied = JSON.parse(JSON.stringify(data).replaceAll(from, to)) as JsonValue;
    const { record, line } = seal({ ...rest, run: to, data: copied, prev });
    prev = record.hash;
    return line;
  });
  return lines.join("");
}
