import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { nodeDatabase } from "../../../drills/node-database.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session } from "../../../steps/ports/postgres.ts";
import type { PromotedServer } from "../../../steps/ports/replication.ts";
import { type Instant, instant } from "../../../support/clock.ts";
import type { ObserveDeps } from "./observe-node.ts";

const POLL_MS = 5;
const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** See `Replication.promote`. */
export async function promoteNode(
  deps: ObserveDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  signal: AbortSignal,
): Promise<PromotedServer> {
  const limits = { readOnly: false, statementTimeoutMs: STATEMENT_TIMEOUT_MS, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const session = await deps.sessions.open(nodeDatabase(system, node), { ...limits, signal });
  try {
    const asked = instant(deps.clock);
    await send(session, node);
    const { promoted, resolutionUs } = await untilPrimary(deps, session, asked, signal);
    return { asked, promoted, resolutionUs, ...(await beginOfTimeline(session)) };
  } finally {
    void session[Symbol.asyncDispose]();
  }
}

/** A paused replay looks for a promotion once a second, but wakes at once when it is resumed (xlogrecovery.c, recoveryPausesHere). */
async function send(session: Session, node: NodeSpec): Promise<void> {
  const [row] = await session.query<{ sent: boolean }>(
    `select case when pg_catalog.pg_is_wal_replay_paused() then pg_catalog.pg_wal_replay_resume()::text end as resumed,
      pg_catalog.pg_promote(false) as sent`,
  );
  if (row?.sent === true) return;
  throw new StepError("permanent", "PG_PROMOTE", `${node.name} did not take the request to promote`, {
    hint: "the server's log says why",
  });
}

async function untilPrimary(
  { clock }: ObserveDeps,
  session: Session,
  asked: Instant,
  signal: AbortSignal,
): Promise<{ readonly promoted: Instant; readonly resolutionUs: number }> {
  let notYetUs = asked.monoUs;
  for (;;) {
    const lookedUs = clock.monoUs();
    const [row] = await session.query<{ standby: boolean }>("select pg_catalog.pg_is_in_recovery() as standby");
    const promoted = instant(clock);
    if (row?.standby === false) return { promoted, resolutionUs: promoted.monoUs - notYetUs };
    notYetUs = lookedUs;
    await delay(POLL_MS, undefined, { signal });
  }
}

/** The last position it replayed is where the old timeline ends for it; the server keeps it until it restarts. */
async function beginOfTimeline(session: Session): Promise<{ readonly timeline: number; readonly lsn: string }> {
  const [row] = await session.query<{ timeline: string; lsn: string }>(
    `select pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) as timeline,
      coalesce(pg_catalog.pg_last_wal_replay_lsn(), pg_catalog.pg_current_wal_lsn())::text as lsn`,
  );
  return { timeline: Number.parseInt(row?.timeline ?? "0", 16), lsn: row?.lsn ?? "0/0" };
}
