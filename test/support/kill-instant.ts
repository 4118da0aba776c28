import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type CliEvent, eventSchema, type Running } from "./cli-run.ts";

/** When an orchestrator is killed: so long after the journal of its run had so many records, or this step had begun, or a fact of this kind stood there. */
export interface KillInstant {
  readonly after: number | string;
  readonly delayMs: number;
}

const LOOK_MS = 1;

/** Kills it at the instant; false when it has ended before. What it had on record by then is in the journal. */
export async function killAt(running: Running, state: string, { after, delayMs }: KillInstant): Promise<boolean> {
  const over = running.ended.then(() => "over" as const);
  const reached = typeof after === "number" ? (events: readonly CliEvent[]) => events.length >= after : begun(after);
  using journal = openWhenThere(state);
  for (;;) {
    if (reached(journal.events())) break;
    if ((await Promise.race([over, delay(LOOK_MS)])) === "over") return false;
  }
  if ((await Promise.race([over, delay(delayMs)])) === "over") return false;
  running.kill("SIGKILL");
  const { code } = await running.ended;
  return code === null;
}

const begun =
  (name: string) =>
  (events: readonly CliEvent[]): boolean =>
    events.some(
      ({ type, data: { step, fact } }) =>
        (type === "step.started" && step === name) ||
        (type === "fact" && JSON.stringify(fact).includes(`"kind":"${name}"`)),
    );

interface GrowingJournal extends Disposable {
  /** All whole records so far. */
  events(): readonly CliEvent[];
}

/** The journal of the only run below a state directory, which may come to be only later. */
function openWhenThere(state: string): GrowingJournal {
  const events: CliEvent[] = [];
  let fd: number | null = null;
  let offset = 0;
  return {
    events() {
      fd ??= openJournal(state);
      if (fd === null) return events;
      const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - offset));
      const length = readSync(fd, bytes, 0, bytes.length, offset);
      // What has no end yet may be cut off by who takes over.
      const whole = bytes.subarray(0, bytes.subarray(0, length).lastIndexOf("\n") + 1);
      offset += whole.length;
      const lines = whole.toString("utf8").split("\n").slice(0, -1);
      events.push(...lines.map((line) => eventSchema.parse(JSON.parse(line))));
      return events;
    },
    [Symbol.dispose]: () => {
      if (fd !== null) closeSync(fd);
    },
  };
}

function openJournal(state: string): number | null {
  const path = journalOf(state);
  return path === null ? null : openSync(path, "r");
}

function journalOf(state: string): string | null {
  const runs = join(state, "runs");
  const [run] = existsSync(runs) ? readdirSync(runs) : [];
  const path = join(runs, run ?? "", "journal.jsonl");
  return run !== undefined && existsSync(path) ? path : null;
}

/** What is on record by now, whole records only. */
export function recordsIn(state: string): readonly CliEvent[] {
  using journal = openWhenThere(state);
  return journal.events();
}

export function instantText({ after, delayMs }: KillInstant): string {
  return `${typeof after === "number" ? `record ${after}` : after} + ${delayMs} ms`;
}

/** For people who look for what went wrong. */
export function recordText({ seq, type, data }: CliEvent): string {
  return `${seq} ${type} ${JSON.stringify(data).slice(0, 300)}`;
}
