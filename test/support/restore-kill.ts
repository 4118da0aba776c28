import { mkdir, readFile, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { findProcesses, killFound } from "../../src/support/processes.ts";
import { type CliLab, PROJECT } from "./cli-lab.ts";
import { type CliEnd, type CliEvent, firedrill, followRun, leftIn } from "./cli-run.ts";
import { drawGoingOn, drawInstant, type GoingOn, goingOnText, goOn, heldLocks, type Pace } from "./kill-going-on.ts";
import { instantText, killAt, type KillInstant, recordsIn } from "./kill-instant.ts";
import { openSession } from "./pg-machine.ts";
import { seeded } from "./seeded.ts";

/** One restore whose orchestrator is killed, all of it drawn from one number. */
export interface RestoreRound {
  readonly seed: number;
  readonly instant: KillInstant;
  /** What dies with it: the restored server; that and the watchdog of its sandbox. */
  readonly victim: "nothing else" | "server" | "sandbox";
  readonly recovery: readonly GoingOn[];
}

/** As seen on two cores with other work. */
const PACE: Pace = { records: 43, ms: 2500 };

export function drawRestore(seed: number): RestoreRound {
  const draw = seeded(seed);
  const instant = drawInstant(draw, PACE);
  const victim = draw.pick("nothing else", "nothing else", "server", "sandbox");
  return { seed, instant, victim, recovery: drawGoingOn(draw, PACE) };
}

export function restoreText({ seed, instant, victim, recovery }: RestoreRound): string {
  return `seed ${seed}: restore-latest, killed at ${instantText(instant)} with ${victim}; ${goingOnText(recovery)}`;
}

/** The lab's backups, and what is known of their content without any drill. */
export interface RestoreScene {
  readonly lab: CliLab;
  readonly orders: number;
  /** Microseconds since the epoch. */
  readonly newestBeatUs: number;
}

/** Stops the primary: a restore needs it no more. */
export async function restoreScene(lab: CliLab): Promise<RestoreScene> {
  const asked = await contentOf(lab);
  await lab.primary.stop("fast");
  return { lab, ...asked };
}

async function contentOf({ primary }: CliLab): Promise<Omit<RestoreScene, "lab">> {
  await using session = await openSession(primary.database);
  const [row] = await session.query<{ orders: string; beat: string }>(
    `select (select count(*) from orders)::text as orders,
      (select (extract(epoch from max(beat_at)) * 1000000)::bigint::text from firedrill.heartbeat) as beat`,
  );
  return { orders: Number(row?.orders), newestBeatUs: Number(row?.beat) };
}

export interface KilledRestore {
  readonly round: RestoreRound;
  readonly scene: RestoreScene;
  /** Of an orchestrator; 0: the drill was over before. */
  readonly kills: number;
  /** On record when it was killed for the first time, and at the end. */
  readonly recorded: readonly CliEvent[];
  readonly records: readonly CliEvent[];
  /** Processes of the sandbox that died with it. */
  readonly died: number;
  /** Null: the run had not begun. */
  readonly result: RunResult | null;
  readonly end: CliEnd;
  readonly cleans: readonly [CliEnd, CliEnd];
  readonly left: readonly string[];
}

let desks = 0;

export async function killRestore(scene: RestoreScene, round: RestoreRound): Promise<KilledRestore> {
  const { lab } = scene;
  const home = lab.path(`killed-${(desks += 1)}`);
  await mkdir(home);
  const state = join(home, "state");
  const file = join(home, "playbook.yaml");
  await writeFile(file, await playbookOf(scene));
  const args = [file, "--inventory", lab.path("inventory.yaml"), "--system", "orders", "--state", state];
  await using run = followRun([...args, "--param", "maxLag=6h"], { cwd: home });
  const hit = await killAt(run, state, round.instant);
  const died = hit ? killSandbox(state, round.victim) : 0;
  const recorded = recordsIn(state);
  const runId = readdirSync(join(state, "runs")).join();
  const gone = hit ? await goOn(state, runId, round.recovery) : { kills: 0, end: await run.ended };
  const clean = (): Promise<CliEnd> => firedrill(["clean", "--state", state], { cwd: home });
  const cleans = [await clean(), await clean()] as const;
  return {
    round,
    scene,
    recorded,
    died,
    cleans,
    kills: (hit ? 1 : 0) + gone.kills,
    end: gone.end,
    records: recordsIn(state),
    result: await resultIn(state),
    left: leftBy(state),
  };
}

/** The shipped one, with another look at the content; the sweep may take longer than its limits of age. */
async function playbookOf({ orders }: RestoreScene): Promise<string> {
  const shipped = await readFile(join(PROJECT, "playbooks/restore-latest.yaml"), "utf8");
  const all = `    - id: all
      uses: verify/sql
      with: { on: "\${{ steps.restore.outputs.database }}", query: select count(*) from orders, expect: "== ${orders}" }
`;
  return shipped
    .replace("rpo: 5m, hold: 2s", "rpo: 6h, hold: 100ms")
    .replace("    - id: freshness\n", `${all}    - id: freshness\n`);
}

/** A server works in its data directory, the watchdog in the sandbox's own folder. */
function killSandbox(state: string, victim: RestoreRound["victim"]): number {
  if (victim === "nothing else") return 0;
  const dir = realpathSync(join(state, "sandboxes"));
  const { found } = findProcesses({ dir, marker: null, uid: process.getuid?.() ?? 0 });
  const dying = found.filter(({ pid }) => victim === "sandbox" || isServer(pid));
  for (const one of dying) killFound(one);
  return dying.length;
}

function isServer(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith("/postgres");
  } catch {
    return false;
  }
}

async function resultIn(state: string): Promise<RunResult | null> {
  const [run] = readdirSync(join(state, "runs"));
  if (run === undefined) return null;
  return runResultSchema.parse(JSON.parse(await readFile(join(state, "runs", run, "result.json"), "utf8")));
}

/** Sandboxes, processes that work in them, mounts, locks that are held. */
function leftBy(state: string): readonly string[] {
  const { folders, processes } = leftIn(state);
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(state));
  return [...folders, ...processes.map((pid) => `process ${pid}`), ...mounts, ...heldLocks(state)];
}

const succeeded =
  (...steps: readonly string[]) =>
  (events: readonly CliEvent[]): boolean =>
    steps.every((step) => events.some(({ type, data }) => type === "step.succeeded" && data["step"] === step));
const CHECKS = ["rows", "all", "freshness", "indexes", "pages"] as const;

/**
 * What is wrong with the end of a killed restore. Empty: nothing.
 *
 *  R1  It passes when all the data is there, and the age of what was restored is the true one.
 *  R2  Another verdict has its cause in what was done.
 *  R3  Nothing is left, and there is nothing to clean.
 */
export function restoreFaults(killed: KilledRestore): readonly string[] {
  const { result, left, cleans, end, recorded } = killed;
  const why = result === null ? null : (whyNot(killed, result) ?? ageFault(killed, result));
  const verdict = `${result?.result} (${result?.reasons[0]?.rule}: ${result?.reasons[0]?.message}): ${why}`;
  const ends: readonly (number | null)[] = [result?.exitCode ?? 0, 2];
  const resumed = killed.kills === 0 || killed.round.recovery.at(-1)?.how === "resume";
  const checks: readonly (readonly [boolean, string])[] = [
    [result !== null || recorded.length === 0, "a run that began is gone"],
    [why === null, verdict],
    [!resumed || ends.includes(end.code), `exit ${end.code}: ${end.stderr}`],
    [left.length === 0, `left: ${left.join(", ")}`],
    [cleans[0].code === 0, `clean: exit ${cleans[0].code}\n${cleans[0].stdout}${cleans[0].stderr}`],
    [cleans[1].stdout === "clean\n", `clean once more: ${cleans[1].stdout}`],
  ];
  return checks.filter(([good]) => !good).map(([, fault]) => fault);
}

function whyNot(
  { round, died, recorded, records, kills }: KilledRestore,
  { result, reasons, cleanup }: RunResult,
): string | null {
  const { rule, steps } = reasons[0] ?? { rule: "none", steps: [] };
  const lostIt = died > 0 && succeeded("restore")(recorded);
  const planned = records.some(({ type }) => type === "resource.planned");
  if (cleanup.status !== (planned ? "verified" : "nothing_created")) return `its cleanup is ${cleanup.status}`;
  switch (result) {
    case "passed":
    case "passed_with_deviations":
      return lostIt && !succeeded(...CHECKS)(recorded) ? "its server died before it was checked" : null;
    case "aborted":
      return kills > 0 && round.recovery.some(({ how }) => how === "clean") && rule === "HALTED"
        ? null
        : "nobody has stopped it";
    case "inconclusive":
      return died > 0 ? null : "everything could be measured";
    case "error":
      return died > 0 && rule === "STEP_BROKE" ? null : "nothing had a reason to break";
    case "failed":
      return lostIt && steps.join() === "hold" ? null : "the backup is sound";
    default:
      return result satisfies never;
  }
}

/** Where it was measured: from the newest beat that the primary had written, to T0. */
function ageFault({ scene }: KilledRestore, { loss: { newestSurvivorAge: age }, marks }: RunResult): string | null {
  const t0 = marks.find(({ mark }) => mark === "T0");
  if (age.status !== "measured" || t0?.status !== "measured") return null;
  const trueUs = t0.wallUs - scene.newestBeatUs;
  return age.loUs <= trueUs && trueUs <= age.hiUs ? null : `the newest beat is ${trueUs} us old, it says ${age.text}`;
}

export function killedRestoreText({ kills, died, result }: KilledRestore): string {
  const verdict = result === null ? "it had not begun" : `${result.result} (${result.reasons[0]?.rule})`;
  return `${kills} kills${died > 0 ? `, ${died} processes of the sandbox died` : ""}; ${verdict}`;
}
