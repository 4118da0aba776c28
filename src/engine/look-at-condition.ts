import type { SystemSnapshot } from "../drills/inventory.ts";
import type { StopCondition, StopReading } from "../drills/stop-condition.ts";
import { printable } from "../support/printable.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { stepFailure } from "./step-failure.ts";

const LONGEST_SEEN = 300;

/** One look within the condition's deadline, also when the probe does not heed its signal. Never rejects. */
export async function lookAtCondition(
  condition: StopCondition,
  system: SystemSnapshot | null,
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<StopReading> {
  const late = Promise.withResolvers<StopReading>();
  const own = new AbortController();
  const giveUp = (seen: string): void => {
    late.resolve({ kind: "unknown", seen });
    own.abort(new DOMException(seen, "AbortError"));
  };
  const onAbort = (): void => giveUp("the run has ended");
  const disarm = deps.timers.at(deps.clock.monoUs() + condition.timeoutMs * 1000, () =>
    giveUp(`no answer within ${condition.timeoutMs} ms`),
  );
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return cleaned(await Promise.race([evaluated(condition, system, deps, own.signal), late.promise]), deps);
  } finally {
    disarm();
    signal.removeEventListener("abort", onAbort);
  }
}

async function evaluated(
  condition: StopCondition,
  system: SystemSnapshot | null,
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<StopReading> {
  try {
    return await deps.stopProbe.evaluate(condition, system, signal);
  } catch (error) {
    return { kind: "unknown", seen: stepFailure(error, deps.redactor).message };
  }
}

/** What stands in a halt's reason comes from outside. */
function cleaned({ kind, seen }: StopReading, { redactor }: EngineDeps): StopReading {
  return { kind, seen: printable(redactor.text(seen.toWellFormed()), LONGEST_SEEN) };
}
