import { type FSWatcher, watch } from "node:fs";
import type { EngineDeps } from "./engine-deps.ts";
import { limitsOf } from "./engine-deps.ts";
import { type HaltRequest, readHalt } from "./state/halt-requests.ts";

/**
 * Looks for `halt.json` in the folders, told by the file system and by looking again and again: inotify does not see what
 * another machine writes to a shared file system, and its watches can run out (inotify(7)). Calls once.
 */
export function watchForHalt(
  folders: readonly string[],
  deps: EngineDeps,
  onHalt: (request: HaltRequest) => void,
): Disposable {
  let done = false;
  let disarm: (() => void) | null = null;
  const watchers = folders.flatMap((folder) => watchFolder(folder, () => void look()));
  const stop = (): void => {
    done = true;
    disarm?.();
    for (const watcher of watchers) watcher.close();
  };
  const look = async (): Promise<void> => {
    const request = await firstHalt(folders, deps);
    if (request === null || done) return;
    stop();
    onHalt(request);
  };
  const poll = (): void => {
    if (done) return;
    void look();
    disarm = deps.timers.at(deps.clock.monoUs() + limitsOf(deps).haltPollMs * 1000, poll);
  };
  poll();
  return { [Symbol.dispose]: stop };
}

function watchFolder(folder: string, look: () => void): readonly FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (name === "halt.json") look();
    });
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    // Polling is enough to keep the promise of 5 s.
    return [];
  }
}

async function firstHalt(folders: readonly string[], { clock, log }: EngineDeps): Promise<HaltRequest | null> {
  for (const folder of folders) {
    try {
      const request = await readHalt(folder);
      if (request !== null) return request;
    } catch (error) {
      // Somebody wanted a halt and we cannot read whose: to stop is the safe reading.
      log.warn({ error, folder }, "halt_request_unreadable");
      return { who: "unknown", reason: "a halt request that cannot be read", wallUs: clock.wallUs() };
    }
  }
  return null;
}
