import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { StepError } from "../drills/step-error.ts";
import type { PlannedTraffic } from "../steps/ports/traffic.ts";
import type { Clock } from "../support/clock.ts";
import { startTicksOf } from "../support/process-identity.ts";
import { launch, type LaunchedProcess } from "./launch.ts";
import { findMarked, type Role, type TrafficName } from "./marked-processes.ts";
import type { ReadSecret } from "./path-spec.ts";
import { TWIN_EXIT } from "./process-life.ts";
import { Readiness } from "./readiness.ts";
import { proberSpec, writerSpec } from "./make-spec.ts";
import { filesOf, nextFile } from "./traffic-files.ts";

export interface StartDeps {
  readonly clock: Clock;
  readonly secret: ReadSecret;
}

export interface Running {
  readonly pid: number;
  readonly startTicks: number;
}

const LOOK_MS = 5;
/** For the programs to be loaded. */
const BEGIN_US = 15_000_000;

export function nameOf({ installation, runId, id }: PlannedTraffic): TrafficName {
  return { installation, run: runId, id };
}

/** The one that runs, or a new one. There is never more than one: of two that were begun at once the younger ends. */
export async function startRole(planned: PlannedTraffic, role: Role, deps: StartDeps): Promise<Running> {
  const child = runningOf(planned, role) === null ? await launchRole(planned, role, deps) : null;
  let begun: Running | null = null;
  // Its file is its first act once it knows that it is alone.
  const hasBegun = async (): Promise<boolean> => {
    const code = child?.exitCode() ?? null;
    if (code !== null && code !== TWIN_EXIT) throw endedByItself(planned, role);
    const eldest = runningOf(planned, role);
    if (eldest === null && (child === null || code !== null)) throw endedByItself(planned, role);
    // A younger twin of ours is waited for until it has ended.
    if (eldest === null || (child !== null && code === null && eldest.pid !== child.pid)) return false;
    begun = writesTo(filesOf(planned.dir, role).at(-1), eldest.pid) ? eldest : null;
    return begun !== null;
  };
  await until(deps.clock, BEGIN_US, hasBegun, () => `the ${role} does not begin`);
  return begun ?? Promise.reject(endedByItself(planned, role));
}

async function launchRole(planned: PlannedTraffic, role: Role, deps: StartDeps): Promise<LaunchedProcess> {
  const file = nextFile(planned.dir, role);
  const spec = role === "writer" ? await writerSpec(planned, file, deps) : await proberSpec(planned, file, deps);
  return launch(nameOf(planned), role, spec, join(planned.dir, `${role}.out`));
}

/** The first line says whose file it is. */
function writesTo(path: string | undefined, pid: number): boolean {
  if (path === undefined) return false;
  const [line, ...rest] = readFileSync(path, "latin1").split("\n", 2);
  return rest.length > 0 && z.object({ pid: z.number() }).safeParse(JSON.parse(line ?? "")).data?.pid === pid;
}

function runningOf(planned: PlannedTraffic, role: Role): Running | null {
  return findMarked({ ...nameOf(planned), role })[0] ?? null;
}

/** Resolves when every writer had an acknowledgement and the prober a good read and write. */
export async function untilReady(
  planned: PlannedTraffic,
  running: Readonly<Record<Role, Running>>,
  { clock }: StartDeps,
  signal: AbortSignal,
): Promise<void> {
  const readiness = new Readiness(planned.dir);
  const ready = async (): Promise<boolean> => {
    signal.throwIfAborted();
    // Asked before reading: what a dead process wrote is all there.
    const dead = (["writer", "prober"] as const).find((role) => !isThere(running[role]));
    if (await readiness.look()) return true;
    if (dead !== undefined) throw endedByItself(planned, dead);
    return false;
  };
  const { path, connectTimeoutUs, answerTimeoutUs, intervalUs, probeIntervalUs } = planned;
  const roundUs = path.hosts.length * connectTimeoutUs + 2 * answerTimeoutUs + Math.max(intervalUs, probeIntervalUs);
  await until(clock, 3 * roundUs, ready, () => readiness.trouble());
}

const isThere = ({ pid, startTicks }: Running): boolean => startTicksOf(pid) === startTicks;

async function until(clock: Clock, withinUs: number, done: () => Promise<boolean>, why: () => string): Promise<void> {
  const endUs = clock.monoUs() + withinUs;
  while (!(await done())) {
    if (clock.monoUs() > endUs) {
      throw new StepError("transient", "TRAFFIC_START", why(), {
        hint: "try the client path by hand: address, user, password, and whether it takes writes",
      });
    }
    await delay(LOOK_MS);
  }
}

function endedByItself({ dir }: PlannedTraffic, role: Role): StepError {
  const said = readFileSync(join(dir, `${role}.out`), "utf8")
    .trim()
    .split("\n");
  const why = said.find((line) => /Error/u.test(line)) ?? said.at(-1) ?? "";
  return new StepError("permanent", "TRAFFIC_START", `the ${role} ended by itself: ${why || "it said nothing"}`, {
    hint: `what it said is in ${role}.out in the run's folder; \`ttl\` may be too short`,
  });
}
