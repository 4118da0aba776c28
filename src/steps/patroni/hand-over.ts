import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { formatDuration } from "../../support/duration.ts";
import type { Patroni, PatroniLogin, PatroniLook, PatroniReply, PatroniRequest } from "../ports/patroni.ts";
import { askPatroni } from "./ask-patroni.ts";
import { said } from "./members.ts";
import { type Taken, untilOtherLeader, type WatchRequest } from "./watch-leader.ts";

export interface HandOver extends Pick<WatchRequest, "system" | "nodes" | "before" | "since">, PatroniLogin {
  /** Null: nobody is asked, it is waited for. */
  readonly request: PatroniRequest | null;
  readonly withinMs: number;
  /** How long to go on looking after Patroni has answered "failed". */
  readonly settleMs: number;
}

/** A new leader may still come then: that answer is given by who looks once a second (patroni/patroni#2393). */
export const SETTLE_MS = 10_000;

/**
 * Asks Patroni (or nobody) and watches until another leader runs; Patroni's own answer comes up to a second later and is not
 * waited for. Throws what `askPatroni` throws, `PATRONI_FAILED`, `PATRONI_NO_NEW_LEADER`.
 */
export async function handOver(patroni: Patroni, move: HandOver, ctx: StepContext): Promise<Taken> {
  const stop = new AbortController();
  const deadline = AbortSignal.timeout(move.withinMs);
  const signal = AbortSignal.any([ctx.signal, stop.signal, deadline]);
  const latest: { looks: readonly PatroniLook[]; reply: PatroniReply | null } = { looks: [], reply: null };
  const seen = (looks: readonly PatroniLook[]): void => {
    latest.looks = looks;
  };
  const asking = ask(patroni, move, signal).then(
    (reply) => {
      latest.reply = reply;
      if (reply?.kind === "failed")
        setTimeout(() => stop.abort(failed(reply.text, latest.looks)), move.settleMs).unref();
    },
    (error: unknown) => stop.abort(error),
  );
  try {
    return await untilOtherLeader(patroni, { ...move, signal, seen });
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw deadline.aborted && !stop.signal.aborted ? late(move, latest) : error;
  } finally {
    stop.abort();
    await asking;
  }
}

async function ask(patroni: Patroni, move: HandOver, signal: AbortSignal): Promise<PatroniReply | null> {
  const { request, nodes, login, withinMs } = move;
  return request === null ? null : askPatroni(patroni, nodes, request, { timeoutMs: withinMs, signal, login });
}

function failed(text: string, looks: readonly PatroniLook[]): StepError {
  return new StepError("subject", "PATRONI_FAILED", `Patroni answered: ${text}; ${said(looks)}`, {
    hint: "Patroni's log on the leader and on the candidate says why",
  });
}

function late(
  { before, withinMs, request }: HandOver,
  { looks, reply }: { readonly looks: readonly PatroniLook[]; readonly reply: PatroniReply | null },
): StepError {
  const answer = reply !== null && "text" in reply ? `Patroni answered: ${reply.text}; ` : "";
  const message = `nobody took over from ${before} within ${formatDuration(withinMs)}: ${answer}${said(looks)}`;
  const hint =
    request === null
      ? "Patroni restarts a server that died in place, and waits its `ttl` when it died itself: kill its supervisor too, or raise `within`"
      : "Patroni's log on the leader and on the candidate says why";
  return new StepError("subject", "PATRONI_NO_NEW_LEADER", message, { hint });
}
