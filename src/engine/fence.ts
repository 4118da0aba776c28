/**
 * Keeps an orchestrator that has lost its run from acting for it: wraps what acts.
 *
 * Owns: where the question "is the run still ours?" is asked. Does not: know the answer (state/run-hold.ts).
 *
 * An owner can be stopped at any instant (SIGSTOP, a frozen virtual machine, a laptop that sleeps) and go on after its run was
 * taken over. Taking over goes: end the old owner, replace the lock, replace the journal by a copy, read that copy, act.
 *
 * Invariants
 *  N1  A record is acknowledged only if the run was still ours after it was durable. So it was written before the lock was
 *      replaced, hence before the journal was copied: nothing acknowledged is missing from what the new owner reads.
 *  N2  What the old owner writes later goes into the file that was replaced, which has no name any more.
 *  N3  Effects, removals and questions to the world begin only while the run is ours: asked right before, with no wait between.
 *      What stands still between that question and its first system call is beyond any check here: that is why a take-over
 *      ends the old owner first, where it can.
 *  N4  A note of what is durable speaks of acknowledged records only, which every later copy holds (N1): a late one lags and is true.
 */
import type { JournalFile } from "./journal/journal-file.ts";
import type { RunHold } from "./state/run-hold.ts";
import type { ResourceKeeper, Step } from "./step-contract.ts";

export function fencedJournal(file: JournalFile, hold: RunHold): JournalFile {
  const freeReserve = file.freeReserve?.bind(file);
  const noteDurable = file.noteDurable?.bind(file);
  return {
    async write(text) {
      hold.requireHeld();
      await file.write(text); // N2
    },
    async sync() {
      await file.sync();
      hold.requireHeld(); // N1
    },
    close: () => file.close(),
    ...(freeReserve === undefined ? {} : { freeReserve: reserveOf(freeReserve, hold) }),
    // N4
    ...(noteDurable === undefined ? {} : { noteDurable }),
  };
}

/** The reserve is found by its name: it may be the new owner's. */
function reserveOf(free: () => Promise<boolean>, hold: RunHold): () => Promise<boolean> {
  return async () => {
    hold.requireHeld();
    return free();
  };
}

/** N3. */
export function fencedStep(step: Step, hold: RunHold): Step {
  const run: Step["run"] = async (input, ctx) => {
    hold.requireHeld();
    return step.run(input, ctx);
  };
  const reconcile = step.reconcile?.bind(step);
  if (reconcile === undefined) return { ...step, run };
  const asks: Step["reconcile"] = async (input, ctx) => {
    hold.requireHeld();
    return reconcile(input, ctx);
  };
  return { ...step, run, reconcile: asks };
}

/** N3. */
export function fencedKeeper(keeper: ResourceKeeper, hold: RunHold): ResourceKeeper {
  return {
    kind: keeper.kind,
    list: (installation, signal) => keeper.list(installation, signal),
    async destroy(locator, signal) {
      hold.requireHeld();
      await keeper.destroy(locator, signal);
    },
    verifyGone: (locator, signal) => keeper.verifyGone(locator, signal),
  };
}
