import type { Promotion } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { formatBytes } from "../../support/format.ts";
import type { Traffic } from "../ports/traffic.ts";
import { bytesBehind, compareLsn } from "./wal-distance.ts";

export type KnownPosition = NonNullable<Promotion["knownLsn"]>;

/** The newest position that the old primary is known to have reached: it went further by what nobody saw. Null: nobody looked. */
export async function knownPosition(traffic: Traffic, ctx: StepContext): Promise<KnownPosition | null> {
  const seen: KnownPosition[] = [];
  const state = ctx.replication();
  const nowUs = ctx.clock.monoUs();
  if (state !== null && state.primaryLsn !== null)
    seen.push({ lsn: state.primaryLsn, from: "replica-status", ageUs: nowUs - state.at.monoUs });
  const running = ctx.traffic();
  const told = running === null ? null : await traffic.position(running);
  if (told !== null) seen.push({ lsn: told.lsn, from: "canary", ageUs: nowUs - told.at.monoUs });
  return seen.toSorted((one, other) => compareLsn(other.lsn, one.lsn))[0] ?? null;
}

export interface LagLimit {
  readonly maxLag: number;
  readonly allowDataLoss: boolean;
}

/** Throws `PROMOTE_LAG_UNKNOWN`, `PROMOTE_TOO_FAR_BEHIND`. */
export function requireWithinLag(
  name: string,
  receivedLsn: string | null,
  known: KnownPosition | null,
  { maxLag, allowDataLoss }: LagLimit,
): void {
  if (allowDataLoss) return;
  const lag = bytesBehind(known?.lsn ?? null, receivedLsn);
  if (known === null || lag === null) {
    throw new StepError("permanent", "PROMOTE_LAG_UNKNOWN", `nobody knows how far ${name} is behind the old primary`, {
      hint: "put postgres/replica-status or traffic/start into `prepare`, or say `allowDataLoss: true`",
    });
  }
  if (lag <= maxLag) return;
  throw new StepError(
    "subject",
    "PROMOTE_TOO_FAR_BEHIND",
    `${name} has received up to ${receivedLsn}, ${formatBytes(lag)} less than the old primary had (${known.lsn}, from ${known.from}); at most ${formatBytes(maxLag)} may be lost`,
    { hint: "`allowDataLoss: true` promotes it all the same", details: { lagBytes: lag, maxLagBytes: maxLag } },
  );
}
