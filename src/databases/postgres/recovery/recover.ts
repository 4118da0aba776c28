import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseRef } from "../../../drills/database-ref.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Recovered, RecoverRequest, RestoreDriver, Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { Sandboxes } from "../../../steps/ports/sandbox.ts";
import type { Clock } from "../../../support/clock.ts";
import { readLogTail } from "../server-log.ts";
import type { LaunchedServer } from "../server-start.ts";
import { POLL_MS } from "../until-ready.ts";
import { stopServer } from "../server-stop.ts";
import { assertProfile } from "./assert-profile.ts";
import { openForWrites, PASSWORD_FILE } from "./open-for-writes.ts";
import { prepareDataDir } from "./prepare-data-dir.ts";
import { readRecoveryPoint, requireExpected, requireTargetAfterBackup } from "./recovery-point.ts";
import { readReplayLog } from "./replay-log.ts";
import { requireFenceFor, safeProfile } from "./safe-profile.ts";
import { askReplayState } from "./replay-state.ts";
import { readServerSettings } from "./server-settings.ts";
import { startRecovery } from "./start-recovery.ts";
import { endOrError, replayedBytes, type ReplayWatch, untilOpen, untilReached } from "./watch-replay.ts";

export interface RestoreDriverDeps {
  readonly sandboxes: Pick<Sandboxes, "launch">;
  readonly sessions: Sessions;
  readonly clock: Clock;
  /** Cryptographically random bytes. */
  random(bytes: number): Buffer;
  readonly totalMemoryBytes: number;
  /** First major whose standby says in its log that it waits for WAL; 15 when absent. Tests set it to walk the other way. */
  readonly waitingSaidSince?: number;
}

/**
 * Brings fetched files to an open server. The order matters: the target is checked before anything starts; replay ends in a
 * state that can be read; position and safe profile are checked while nothing can be written; only then is it promoted.
 * Whatever goes wrong, no server of ours is left running.
 */
export function createRestoreDriver(deps: RestoreDriverDeps): RestoreDriver {
  return {
    async recover(request, watch) {
      requireTargetAfterBackup(request);
      requireFenceFor(request.preload ?? [], request.sandbox.fence);
      const control = await prepareDataDir(request, request.binaries.major >= (deps.waitingSaidSince ?? 15));
      try {
        const beganUs = deps.clock.monoUs();
        const server = await startRecovery(request, control, deps, watch.signal);
        return await follow(deps, { request, server, clock: deps.clock, watch }, beganUs);
      } catch (error) {
        await stopServer(request.dataDir, "immediate", 5000);
        watch.signal.throwIfAborted();
        throw error;
      }
    },
  };
}

async function follow(deps: RestoreDriverDeps, context: ReplayWatch, beganUs: number): Promise<Recovered> {
  const { request, server } = context;
  await untilOpen(context);
  const database = databaseOf(request, server);
  await using session = await open(deps.sessions, database, context);
  await pin(session, request).catch(async (error: unknown) => {
    throw await endOrError(context, error);
  });
  const reached = await untilReached(context, session);
  const endedUs = deps.clock.monoUs();
  const recoveryPoint = await readRecoveryPoint(request, session, reached.state);
  requireExpected(request, recoveryPoint, readReplayLog(await readLogTail(server.logPath)).stopReason);
  const profile = await assertProfile(session, safeProfile(request.preload ?? [], request.binaries.major));
  const firstWrite =
    request.finish === "promote"
      ? await openForWrites(context, session, (bytes) => deps.random(bytes))
      : await hold(context, session);
  const { segments } = request.wal.handedOver();
  return {
    database,
    recoveryPoint,
    profile,
    replay: {
      kind: "replay",
      bytes: replayedBytes(request, recoveryPoint.lsn),
      segments,
      durationUs: endedUs - beganUs,
    },
    server: await readServerSettings(request, session),
    firstRead: reached.firstRead,
    firstWrite,
    password: firstWrite === null ? null : `file:${join(request.sandbox.dir, PASSWORD_FILE)}`,
  };
}

/**
 * Names mean the server's own, and a commit is as durable as was asked: `ALTER ROLE ... SET` of the backup could have it
 * otherwise, and both are signed.
 */
async function pin(session: Session, { durability }: RecoverRequest): Promise<void> {
  await session.query(
    "select pg_catalog.set_config('search_path', 'pg_catalog', false), pg_catalog.set_config('synchronous_commit', $1, false)",
    [durability === "production" ? "on" : "off"],
  );
}

/**
 * At the end of the archive the server would go on asking for more; paused, it stays where it was measured. It sees the wish
 * when it asks next, so that is waited for: after us nobody answers its `restore_command` any more.
 */
async function hold({ request, watch }: ReplayWatch, session: Session): Promise<null> {
  await session.query("select pg_catalog.pg_wal_replay_pause()");
  while (!(await askReplayState(session, request.binaries.major)).paused)
    await delay(POLL_MS, undefined, { signal: watch.signal });
  return null;
}

function databaseOf({ sandbox, superuser, database }: RecoverRequest, server: LaunchedServer): DatabaseRef {
  const host = `${sandbox.dir}/socket`;
  return {
    engine: "postgresql",
    sandbox: sandbox.id,
    host,
    port: server.port,
    user: superuser,
    database,
    password: null,
  };
}

async function open(sessions: Sessions, database: DatabaseRef, context: ReplayWatch): Promise<Session> {
  const limits = { readOnly: false, statementTimeoutMs: 60_000, connectTimeoutMs: 10_000 };
  try {
    return await sessions.open(database, { ...limits, signal: context.watch.signal });
  } catch (error) {
    if (!(error instanceof StepError) || error.code !== "PG_REFUSED") throw await endOrError(context, error);
    throw new StepError(
      "permanent",
      "RESTORE_LOGIN",
      `the restored server does not let ${database.user} into ${database.database}: ${error.message}`,
      {
        hint: "name a superuser and a database that are in the backup (`superuser:`, `database:` of the restore)",
        cause: error,
      },
    );
  }
}
