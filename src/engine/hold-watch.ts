import { limitsOf } from "./engine-deps.ts";
import type { RunSession } from "./run-session.ts";

/**
 * Asks again and again whether the run is still ours, so that a process that was stopped and goes on tells its steps to stop
 * also where none of them records anything.
 */
export function watchHold({ hold, deps }: RunSession): Disposable {
  const everyUs = limitsOf(deps).haltPollMs * 1000;
  const look = (): void => {
    if (!hold.isLost()) disarm = deps.timers.at(deps.clock.monoUs() + everyUs, look);
  };
  let disarm = deps.timers.at(deps.clock.monoUs() + everyUs, look);
  return { [Symbol.dispose]: () => disarm() };
}
