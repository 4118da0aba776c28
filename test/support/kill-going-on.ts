import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { tryLock } from "../../src/engine/state/exclusive-lock.ts";
import { type CliEnd, startFiredrill } from "./cli-run.ts";
import { killAt, type KillInstant } from "./kill-instant.ts";
import type { Draw } from "./seeded.ts";

/** What goes on with a run whose orchestrator was killed; null: it is left in peace, else killed too so long after it began. */
export interface GoingOn {
  readonly how: "resume" | "clean";
  readonly killedAfterMs: number | null;
}

/** How a drill goes that nobody kills: random instants are drawn from its length. */
export interface Pace {
  readonly records: number;
  readonly ms: number;
}

/** Half of them by what is on record, where much happens in a moment; half by time, where little does. */
export function drawInstant(draw: Draw, { records, ms }: Pace): KillInstant {
  if (draw.pick("record", "time") === "time") return { after: 1, delayMs: draw.below(ms) };
  return { after: 1 + draw.below(records - 1), delayMs: draw.pick(0, 0, draw.below(30)) };
}

export function drawGoingOn(draw: Draw, { ms }: Pace): readonly GoingOn[] {
  const last = (how: GoingOn["how"]) => ({ how, killedAfterMs: null });
  const killed = (how: GoingOn["how"]) => ({ how, killedAfterMs: 300 + draw.below(ms) });
  return draw.pick<readonly GoingOn[]>(
    [last("resume")],
    [last("resume")],
    [last("clean")],
    [killed("resume"), last("resume")],
    [killed("resume"), last("clean")],
    [killed("clean"), last("clean")],
  );
}

export interface GoneOn {
  /** How many of them were killed; one may have ended before. */
  readonly kills: number;
  /** Of the last one. */
  readonly end: CliEnd;
}

/** With the real program, one after the other. */
export async function goOn(state: string, runId: string, then: readonly GoingOn[]): Promise<GoneOn> {
  let gone: GoneOn = { kills: 0, end: { code: null, stdout: "", stderr: "" } };
  for (const { how, killedAfterMs } of then) {
    const args = how === "resume" ? [how, runId] : [how];
    await using going = startFiredrill([...args, "--state", state], { cwd: dirname(state) });
    const killed = killedAfterMs !== null && (await killAt(going, state, { after: 0, delayMs: killedAfterMs }));
    gone = { kills: gone.kills + (killed ? 1 : 0), end: await going.ended };
  }
  return gone;
}

export function goingOnText(then: readonly GoingOn[]): string {
  return then.map(({ how, killedAfterMs }) => (killedAfterMs === null ? how : `${how} (killed)`)).join(", ");
}

/** Locks below a state directory that somebody holds. */
export function heldLocks(state: string): readonly string[] {
  const names = readdirSync(state, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /(?:owner\.lock|systems\/[^/]+\/lock)$/u.test(name) && !isFree(join(state, name)));
}

function isFree(path: string): boolean {
  using lock = tryLock(path);
  return lock !== null;
}
