/**
 * Whether this process still owns a run.
 *
 * Owns: the answer, and that it is given once and for all. Does not: take a run (claim-run.ts), or keep anything from acting
 * (fence.ts).
 *
 * Invariants
 *  H1  Each owner locks a file of its own in the place of the one before: whoever finds another file there has lost the run.
 *      The number of the file it locked cannot go to a later one while it lives, as it holds it open.
 *  H2  What is lost stays lost.
 */
import { FiredrillError } from "../../support/errors.ts";
import type { HeldLock } from "./exclusive-lock.ts";
import { readOwner } from "./run-owner.ts";
import { type StateFiles, systemFiles } from "./state-files.ts";

export interface RunHold extends Disposable {
  /** Resolves when it turns out that the run is lost. */
  readonly lost: Promise<FiredrillError>;
  /** Looks, without a wait in between. Throws `STALE_OWNER`. */
  requireHeld(): void;
  isLost(): boolean;
}

/** The caller has just taken the lock, and nobody takes the run over meanwhile. The hold owns the lock from here on. */
export function holdRun(lock: HeldLock, runId: string, files: StateFiles = systemFiles): RunHold {
  const ours = files.identity(lock.path);
  const lost = Promise.withResolvers<FiredrillError>();
  let error: FiredrillError | null = null;
  const look = (): FiredrillError | null => {
    if (error === null && files.identity(lock.path) !== ours) {
      error = stale(runId, "another orchestrator has taken it over"); // H1
      lost.resolve(error);
    }
    return error; // H2
  };
  return {
    lost: lost.promise,
    requireHeld() {
      const found = look();
      if (found !== null) throw found;
    },
    isLost: () => look() !== null,
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

/** The refusal that says who has the run now. */
export async function staleOwner(dir: string, runId: string, files?: StateFiles): Promise<FiredrillError> {
  const owner = await readOwner(dir, files).catch(() => null);
  if (owner === null) return stale(runId, "another orchestrator has taken it over");
  return stale(runId, `process ${owner.pid} on ${owner.host} took it over, with epoch ${owner.epoch}`);
}

function stale(runId: string, why: string): FiredrillError {
  return new FiredrillError("STALE_OWNER", `This process does not own run ${runId} any more: ${why}.`, {
    hint: "Nothing more is done by it. `firedrill status` shows how the run goes on.",
  });
}
