import type { EngineDeps } from "./engine-deps.ts";
import { limitsOf } from "./engine-deps.ts";
import { type HaltRequest, readHalt } from "./state/halt-requests.ts";
import { systemFiles } from "./state/state-files.ts";

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
  const files = deps.files ?? systemFiles;
  const watchers = folders.map((folder) => files.watch(folder, "halt.json", () => void look()));
  const stop = (): void => {
    done = true;
    disarm?.();
    for (const watcher of watchers) watcher[Symbol.dispose]();
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

async function firstHalt(folders: readonly string[], { clock, log, files }: EngineDeps): Promise<HaltRequest | null> {
  for (const folder of folders) {
    try {
      const request = await readHalt(folder, files);
      if (request !== null) return request;
    } catch (error) {
      // Somebody wanted a halt and we cannot read whose: to stop is the safe reading.
      log.warn({ error, folder }, "halt_request_unreadable");
      return { who: "unknown", reason: "a halt request that cannot be read", wallUs: clock.wallUs() };
    }
  }
  return null;
}
