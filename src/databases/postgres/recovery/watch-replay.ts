import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../../drills/step-error.ts";
import { parseLsn } from "../../../formats/postgres/lsn.ts";
import type { Watch } from "../../../steps/ports/backup-source.ts";
import type { Observed, RecoverRequest, Session } from "../../../steps/ports/postgres.ts";
import { type Clock, instant } from "../../../support/clock.ts";
import { GrowingLog, readLogTail } from "../server-log.ts";
import type { LaunchedServer } from "../server-start.ts";
import { POLL_MS, untilReady } from "../until-ready.ts";
import { diagnose, type ServerEnd, stuckBeforeOpen } from "./diagnose.ts";
import { readReplayLog } from "./replay-log.ts";
import { askReplayState, type ReplayState } from "./replay-state.ts";

/** From a broken connection to the end of the server's process. */
const END_GRACE_MS = 5000;

export interface Reached {
  readonly state: ReplayState;
  /** The answer that said so: the first read after the target. */
  readonly firstRead: Observed;
  /** Log line or function that told why it is the end. */
  readonly ending: "target" | "end-of-archive";
}

export interface ReplayWatch {
  readonly request: RecoverRequest;
  readonly server: LaunchedServer;
  readonly clock: Clock;
  readonly watch: Watch;
}

/** Waits until the server can be asked. Throws what its end says when it ends instead. */
export async function untilOpen({ request, server, watch }: ReplayWatch): Promise<void> {
  const total = bytesToReplay(request);
  const log = new GrowingLog(server.logPath);
  const outcome = await untilReady(server, watch.signal, async () => {
    throwFeedFailure(request);
    const news = await log.news();
    const stuck = news === null ? null : stuckBeforeOpen(readReplayLog(news));
    if (stuck !== null) throw stuck;
    watch.progress({ what: "replay", done: request.wal.handedOver().bytes, total, unit: "bytes" });
  });
  if (outcome.kind === "exited") throw await endedError(request, server, outcome);
}

/** Asks every few milliseconds until replay has come to its target, or to the end of the archive. */
export async function untilReached(context: ReplayWatch, session: Session): Promise<Reached> {
  const { request, clock, watch } = context;
  const total = bytesToReplay(request);
  let notYetUs = clock.monoUs();
  for (;;) {
    const askedUs = clock.monoUs();
    const state = await ask(context, session);
    throwFeedFailure(request);
    const answered = instant(clock);
    if (await isReached(context, state)) {
      const ending = request.target.kind === "latest" ? "end-of-archive" : "target";
      return { state, ending, firstRead: { ...answered, resolutionUs: answered.monoUs - notYetUs } };
    }
    notYetUs = askedUs;
    watch.progress({ what: "replay", done: replayedBytes(request, state.lsn), total, unit: "bytes" });
    await delay(POLL_MS, undefined, { signal: watch.signal });
  }
}

async function isReached({ request, server }: ReplayWatch, state: ReplayState): Promise<boolean> {
  if (!state.recovering) return true;
  if (state.paused) return pausedForGood(request, server);
  return request.target.kind === "latest" && state.waitsForMoreWal;
}

/** A replay also pauses where a setting is too small (since 14); taking that for the target would lose what follows. */
async function pausedForGood(request: RecoverRequest, server: LaunchedServer): Promise<boolean> {
  const log = readReplayLog(await readLogTail(server.logPath));
  if (log.settingTooSmall !== null) {
    throw new StepError(
      "permanent",
      "RESTORE_SETTING_LOW",
      `replay stopped because a setting of the sandbox is smaller than on the source: ${log.settingTooSmall}`,
      {
        hint: "the source raised it after the backup: give its value under `settings:` of the restore",
      },
    );
  }
  return request.target.kind !== "latest" && log.pausedAtTarget;
}

async function ask({ request, server, watch }: ReplayWatch, session: Session): Promise<ReplayState> {
  try {
    return await askReplayState(session, request.binaries.major);
  } catch (error) {
    throw await endOrError({ request, server, watch }, error);
  }
}

/** A server that ends breaks its connections and refuses new ones first; then its end is what has to be told. */
export async function endOrError(
  { request, server, watch }: Pick<ReplayWatch, "request" | "server" | "watch">,
  error: unknown,
): Promise<unknown> {
  watch.signal.throwIfAborted();
  const end = await Promise.race([server.exited, delay(END_GRACE_MS, null, { ref: false })]);
  return end === null ? error : endedError(request, server, end);
}

async function endedError(request: RecoverRequest, server: LaunchedServer, end: ServerEnd): Promise<Error> {
  return (
    request.wal.failure() ??
    diagnose(readReplayLog(await readLogTail(server.logPath)), end, request.target, request.expectedLsn)
  );
}

function throwFeedFailure(request: RecoverRequest): void {
  const failure = request.wal.failure();
  if (failure !== null) throw failure;
}

function bytesToReplay({ backup, target, expectedLsn }: RecoverRequest): number | null {
  const end = target.kind === "lsn" ? target.lsn : target.kind === "immediate" ? backup.stopLsn : expectedLsn;
  return end === null ? null : Math.max(0, Number(parseLsn(end) - parseLsn(backup.startLsn)));
}

export function replayedBytes({ backup }: RecoverRequest, lsn: string | null): number {
  return lsn === null ? 0 : Math.max(0, Number(parseLsn(lsn) - parseLsn(backup.startLsn)));
}
