import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Observed, Session } from "../../../steps/ports/postgres.ts";
import { instant } from "../../../support/clock.ts";
import { quoteIdentifier, quoteLiteral } from "../quote.ts";
import { POLL_MS } from "../until-ready.ts";
import { askReplayState } from "./replay-state.ts";
import { scramVerifier } from "./scram-verifier.ts";
import type { ReplayWatch } from "./watch-replay.ts";

/** Role for connections over TCP, which need a password; its file lies in the sandbox. */
export const SANDBOX_ROLE = "firedrill";
export const PASSWORD_FILE = "firedrill.password";

/**
 * Promotes and returns when the first write is acknowledged: the role of the sandbox, a real change of a catalog, flushed
 * like any commit. Not `pg_promote(true)`: it looks every 100 ms only, which would be in the time.
 */
export async function openForWrites(
  context: ReplayWatch,
  session: Session,
  random: (bytes: number) => Buffer,
): Promise<Observed> {
  const notYetUs = await promote(context, session);
  const password = random(24).toString("hex");
  const path = join(context.request.sandbox.dir, PASSWORD_FILE);
  await writeFile(path, password, { mode: 0o600 });
  await session.query(await roleStatement(session, scramVerifier(password, random(16))));
  const acknowledged = instant(context.clock);
  return { ...acknowledged, resolutionUs: acknowledged.monoUs - notYetUs };
}

/** Monotonic time of the last answer that it was not open yet. */
async function promote({ request, clock, watch }: ReplayWatch, session: Session): Promise<number> {
  let notYetUs = clock.monoUs();
  // Recovery that had no target to pause at has opened the server by itself.
  if (!(await askReplayState(session, request.binaries.major)).recovering) return notYetUs;
  await session.query(promotion(request.target.kind === "latest", request.binaries.major));
  for (;;) {
    const askedUs = clock.monoUs();
    if (!(await askReplayState(session, request.binaries.major)).recovering) return notYetUs;
    notYetUs = askedUs;
    await delay(POLL_MS, undefined, { signal: watch.signal });
  }
}

/**
 * A replay that pauses at its target sleeps up to a second before it sees a promotion, but wakes at once when it is resumed,
 * which at a target means: end recovery and open (manual: 9.27.4, since 14).
 */
function promotion(standby: boolean, major: number): string {
  return standby || major < 14 ? "select pg_catalog.pg_promote(false)" : "select pg_catalog.pg_wal_replay_resume()";
}

/** A backup may bring a role of this name along. Neither form logs on (only for TCP) as anything but itself. */
async function roleStatement(session: Session, verifier: string): Promise<string> {
  const [row] = await session.query<{ exists: boolean }>(
    "select exists (select from pg_catalog.pg_authid a where a.rolname operator(pg_catalog.=) $1) as exists",
    [SANDBOX_ROLE],
  );
  const verb = row?.exists === true ? "alter" : "create";
  return `${verb} role ${quoteIdentifier(SANDBOX_ROLE)} login superuser password ${quoteLiteral(verifier)}`;
}
