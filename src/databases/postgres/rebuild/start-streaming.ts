import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../../drills/step-error.ts";
import type { Rebuilt } from "../../../steps/ports/rebuild.ts";
import type { StandbyView } from "../../../steps/ports/replication.ts";
import { instant } from "../../../support/clock.ts";
import type { RebuildWork } from "./rebuild-deps.ts";

const LOOK_MS = 50;
const LOOK_TIMEOUT_MS = 2000;
/** A standby that neither streams nor replays anything new for so long will not come to it by itself. */
const STALLED_MS = 15_000;
/** Crash recovery, and waiting for WAL that may have been removed, look alike from here. */
const START_MS = 10 * 60_000;

/** Starts the server and returns when it streams from the primary. Throws `NODE_START`, `REBUILD_NOT_STREAMING`. */
export async function startStreaming(work: RebuildWork): Promise<Rebuilt["streaming"]> {
  const { deps, request, watch } = work;
  const downUs = deps.clock.monoUs();
  const { signal } = watch;
  const late = AbortSignal.timeout(START_MS);
  await deps.control.start(request.node, AbortSignal.any([signal, late])).catch((error: unknown) => {
    signal.throwIfAborted();
    throw late.aborted ? notStreaming(work, `it took no connection within ${START_MS / 60_000} minutes`) : error;
  });
  // Its slot, where its configuration names one, has to be on the new primary.
  await deps.replication.repoint(request.system, request.node, request.primary, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error instanceof DOMException ? unreachable(work) : error;
  });
  return untilStreaming(work, downUs);
}

/** `notYetUs`: it did not stream then. */
async function untilStreaming(work: RebuildWork, notYetUs: number): Promise<Rebuilt["streaming"]> {
  const { deps, request, watch } = work;
  const options = { timeoutMs: LOOK_TIMEOUT_MS, signal: watch.signal };
  let beforeUs = notYetUs;
  let newest = "";
  let movedUs = deps.clock.monoUs();
  for (;;) {
    const askedUs = deps.clock.monoUs();
    const [view] = await deps.replication.observe(request.system, [request.node], options);
    if (view?.kind === "standby" && streamsFrom(view, work)) {
      const at = instant(deps.clock);
      return { ...at, resolutionUs: at.monoUs - beforeUs };
    }
    beforeUs = askedUs;
    const position = view?.kind === "standby" ? `${view.timeline} ${view.replayedLsn}` : "";
    if (position !== newest) movedUs = deps.clock.monoUs();
    newest = position;
    if (deps.clock.monoUs() - movedUs > STALLED_MS * 1000)
      throw notStreaming(work, `for ${STALLED_MS / 1000} s it has neither streamed nor moved on`);
    await delay(LOOK_MS, undefined, { signal: watch.signal });
  }
}

/** A server on the primary's timeline: one that streams the old one still has to find out. */
export function streamsFrom(
  { receiver, timeline }: StandbyView,
  { request, primary }: Pick<RebuildWork, "request" | "primary">,
): boolean {
  const { host, port } = request.primary.endpoint;
  if (receiver?.status !== "streaming" || timeline !== primary.timeline) return false;
  return receiver.host === host && receiver.port === port;
}

/** It runs, so another way of making it a standby would end here too. */
export const UNREACHABLE = "REBUILD_UNREACHABLE";

function unreachable({ request: { node } }: RebuildWork): StepError {
  const { host, port } = node.endpoint;
  return new StepError("permanent", UNREACHABLE, `${node.name} runs and gives no answer at ${host}:${port}`, {
    hint: "is it still cut off the network? Lift that first: fault/undo",
  });
}

function notStreaming({ request }: RebuildWork, why: string): StepError {
  return new StepError(
    "permanent",
    "REBUILD_NOT_STREAMING",
    `${request.node.name} does not stream from ${request.primary.name}: ${why}`,
    {
      hint: "its log says why: WAL that the primary has removed, a login that is refused, histories that parted",
    },
  );
}
