import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../drills/step-error.ts";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import type { ProbeView, TrafficWatch } from "../steps/ports/traffic.ts";
import { isAlive } from "../support/process-identity.ts";
import { ProbeLog } from "./probe-log.ts";

/** A timer comes up to a millisecond late. */
const LOOK_MS = 4;

/** What is there by now is read before it is handed out, so that a view is never older than the question. */
export async function watchProbes(traffic: TrafficRef, bootId: string): Promise<TrafficWatch> {
  const log = new ProbeLog(traffic.dir);
  await log.catchUp();
  let disposed = false;
  return {
    async until(seen, signal) {
      let first = true;
      for (;;) {
        signal.throwIfAborted();
        if (disposed) throw new Error("the watch was disposed of");
        // Asked before reading: what a dead process wrote is all there.
        const alive = isAlive(traffic.prober, bootId);
        let hit: ProbeView | null = null;
        // What was there before the first look is history: only where it led counts.
        const each = first ? undefined : (): void => void (hit ??= matching(log, seen));
        await log.catchUp(each);
        first = false;
        const found = hit ?? matching(log, seen);
        if (found !== null) return found;
        if (!alive) throw gone(traffic);
        await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    },
    [Symbol.dispose]: () => {
      disposed = true;
    },
  };
}

function matching(log: ProbeLog, seen: (view: ProbeView) => boolean): ProbeView | null {
  const view = log.fold.view();
  return seen(view) ? view : null;
}

function gone({ prober }: TrafficRef): StepError {
  return new StepError(
    "permanent",
    "TRAFFIC_GONE",
    `the prober (process ${prober.pid}) has ended; it sees nothing any more`,
    {
      hint: "raise `ttl` of `traffic/start`; what it said at the end is in prober.out",
    },
  );
}
