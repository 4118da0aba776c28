import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import type { FetchTarget, WalSpool } from "./backup-source.ts";

/** The folders of a sandbox that a restore fills. */
export interface RestorePlace {
  /**
   * Empties them, after a server that an earlier attempt left there was stopped: a second attempt begins as the first.
   * Refuses (`RESTORE_PLACE`) when the sandbox's folder is not there.
   */
  prepare(sandbox: SandboxRef, signal: AbortSignal): Promise<{ readonly files: FetchTarget; readonly spool: WalSpool }>;
}
