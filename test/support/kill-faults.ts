import type { RunResult } from "../../src/drills/result.ts";
import { promotionsIn, SILENT, trulyLost } from "./interrupted-drill.ts";
import type { KilledDrill } from "./kill-drill.ts";
import { reportedLost } from "./truth-drill.ts";
import { overlaps, reigns } from "./write-watch.ts";

/**
 * What is wrong with the end of a killed drill that a look at the servers alone does not show. Empty: nothing.
 *
 *  V1  One promotion at most, in the WAL's own history, in what clients could write to, and in the run's record.
 *  V2  A loss is the true one, or not measured, with a reason. Nothing lost is no zero where nobody wrote for long before T0.
 *  V3  The verdict is one that what was done explains, and the exit code its own.
 *  V4  Afterwards there is nothing to clean, and nobody holds a lock.
 */
export function faultsOf(drill: KilledDrill): readonly string[] {
  return [...promotionFaults(drill), ...lossFaults(drill), ...verdictFaults(drill), ...restFaults(drill)];
}

const faults = (...checks: readonly (readonly [boolean, string])[]): readonly string[] =>
  checks.filter(([good]) => !good).map(([, fault]) => fault);

/** V1 */
function promotionFaults({ after, before, acks, histories, result, desk }: KilledDrill): readonly string[] {
  const [old = ""] = before.writable;
  const [now = ""] = after.writable;
  const rise = riseOf({ after, before });
  const promotions = result === null ? 0 : promotionsIn(desk.runDir());
  const wanted = rise === 0 ? [] : ["00000002.history"];
  const seen = reigns(acks);
  return faults(
    [[...new Set(histories)].join() === wanted.join(), `timeline rose by ${rise}, histories: ${histories.join()}`],
    [seen.join() === (rise === 0 ? [old] : [old, now]).join(), `writes were acknowledged by ${seen.join(", ")}`],
    [overlaps(acks).length === 0, `two nodes acknowledged at once: ${JSON.stringify(overlaps(acks).slice(0, 2))}`],
    [promotions <= rise, `${promotions} promotions on record, the timeline rose by ${rise}`],
  );
}

function riseOf({ before, after }: Pick<KilledDrill, "before" | "after">): number {
  const timelineOf = ({ writable: [node = ""], nodes }: KilledDrill["before"]): number => nodes[node]?.timeline ?? 0;
  return timelineOf(after) - timelineOf(before);
}

/** V2 */
function lossFaults(drill: KilledDrill): readonly string[] {
  const { result, truth } = drill;
  const lost = result?.loss.lostAcknowledged;
  if (lost === undefined) return [];
  const lostSilently =
    lost.status !== "measured" && lost.reason.startsWith(SILENT) && truth.asked() && trulyLost(drill).size > 0;
  if (lost.status !== "measured")
    return faults(
      [lost.reason !== "", "no number and no reason"],
      [!lostSilently, "some are lost, and it says that none is gone"],
    );
  const reported = result === null ? new Set<string>() : reportedLost(result);
  const silentUs = silenceUs(drill);
  const zero = faults([
    lost.lost > 0 || silentUs < SILENT_US,
    `a zero, though the writers were dead for ${silentUs} us before T0`,
  ]);
  if (!truth.asked()) return zero;
  const truly = trulyLost(drill);
  const wrong = [...reported].filter((key) => !truly.has(key)).length;
  const missing = [...truly].filter((key) => !reported.has(key)).length;
  return [
    ...zero,
    ...faults([
      wrong + missing === 0,
      `of ${truly.size} lost ${missing} are not reported, and ${wrong} that are not lost`,
    ]),
  ];
}

const SILENT_US = 1_000_000;

/** Between the death of the writers and T0. */
function silenceUs({ round, killedUs, result, kills }: KilledDrill): number {
  const t0 = result?.marks.find(({ mark }) => mark === "T0");
  const died = kills > 0 && (round.victim === "writers" || round.victim === "both canaries");
  return died && t0?.status === "measured" ? t0.monoUs - killedUs : 0;
}

/** V3 */
function verdictFaults(drill: KilledDrill): readonly string[] {
  const { result, end } = drill;
  if (result === null)
    return faults([!drill.recorded.some(({ type }) => type === "run.started"), "a run that began is gone"]);
  const first = result.reasons[0]?.rule ?? "none";
  const why = whyNot(drill, result, first);
  const ended = drill.kills === 0 || drill.round.recovery.at(-1)?.how === "resume" ? end.code : result.exitCode;
  return faults(
    [why === null, `${result.result} (${first}: ${result.reasons[0]?.message}): ${why}`],
    [ended === result.exitCode || ended === BAD_INPUT, `exit ${ended} for ${result.result}: ${end.stderr}`],
  );
}

/** A run that was finished already, which `resume` says. */
const BAD_INPUT = 2;

function whyNot(drill: KilledDrill, result: RunResult, rule: string): string | null {
  const { round, server } = drill;
  const canary =
    drill.kills > 0 && (round.victim === "writers" || round.victim === "prober" || round.victim === "both canaries");
  switch (result.result) {
    case "passed":
    case "passed_with_deviations":
      return whyNotPassed(drill, result);
    case "failed":
      if (rule === "OBJECTIVE_MISSED" && server === null) return whyNotMissed(drill, result);
      return server === null ? "only a server's death explains that" : null;
    case "inconclusive":
      return canary || server !== null || isTooClose(result) ? null : "everything could be measured";
    case "aborted":
      return round.recovery.some(({ how }) => how === "clean") && rule === "HALTED" ? null : "nobody has stopped it";
    case "error":
      if (rule === "STEP_IN_DOUBT") return server !== null || inSwitchover(drill) ? null : "nothing was in doubt";
      if (rule === "STEP_BROKE") return server !== null || canary ? null : "no step had a reason to break";
      return server !== null && !round.supervised ? null : "everything could be cleaned up";
    default:
      return result.result satisfies never;
  }
}

/** A busy machine kept the writers waiting before T0, or the loss lies about where the limit does. */
function isTooClose({ loss: { lostAcknowledged: lost }, objectives: { rpo } }: RunResult): boolean {
  const silent = lost.status !== "measured" && lost.reason.startsWith(SILENT);
  return rpo.verdict === "not_measured" && (silent || rpo.reason.includes("lies on both sides of the target"));
}

function whyNotPassed(drill: KilledDrill, { loss: { lostAcknowledged: lost }, cleanup }: RunResult): string | null {
  const roles = Object.values(drill.after.nodes).map(({ role }) => role);
  const standbys = roles.filter((role) => role === "standby").length;
  if (riseOf(drill) !== 1) return "nothing was promoted";
  // A busy machine, or the writers' death, may have kept them silent before T0.
  if (lost.status !== "measured" && !lost.reason.startsWith(SILENT)) return "the loss was not measured";
  if (cleanup.status !== "verified") return "it was not cleaned up";
  return standbys === roles.length - 1 ? null : `its nodes are ${roles.join(", ")}`;
}

/** Only a loss misses an objective here, and only where replication was cut off. */
function whyNotMissed(drill: KilledDrill, { objectives }: RunResult): string | null {
  if (objectives.rpo.verdict !== "missed") return "no loss";
  if (drill.truth.asked() && trulyLost(drill).size === 0) return "nothing was lost";
  return drill.round.playbook === "failover-data-loss" ? null : "nothing can have been lost";
}

/** Between the old primary's shutdown and the promotion nobody can tell what is meant to come next. */
function inSwitchover({ round: { playbook, recovery }, recorded }: KilledDrill): boolean {
  const steps = recorded.filter(({ data }) => data["step"] === "switch").map(({ type }) => type);
  const began = steps.includes("step.started") && !steps.includes("step.succeeded");
  return playbook === "switchover-replica" && (began || recovery.length > 1);
}

/** V4 */
function restFaults({ cleans: [first, second], held }: KilledDrill): readonly string[] {
  return faults(
    [first.code === 0, `clean: exit ${first.code}\n${first.stdout}${first.stderr}`],
    [second.stdout === "clean\n", `clean once more: ${second.stdout}`],
    [held.length === 0, `locks are held: ${held.join(", ")}`],
  );
}
