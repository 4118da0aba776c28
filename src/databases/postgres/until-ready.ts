import { setTimeout as delay } from "node:timers/promises";
import { livePostmasterFile } from "./postmaster-file.ts";
import type { LaunchedServer } from "./server-start.ts";

/** How often the server's state file is looked at; also the resolution of what is timed with it. */
export const POLL_MS = 5;

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: string | null };

/**
 * Waits until the server accepts connections: after recovery, or, in hot standby, as soon as the data is consistent. Reads
 * the status in `postmaster.pid` (as pg_ctl does) instead of connecting, which would fill the log with refusals.
 */
export async function untilReady(
  server: LaunchedServer,
  signal: AbortSignal,
  each: () => void | Promise<void>,
): Promise<Readiness> {
  const exited = server.exited.then((end): Readiness => ({ kind: "exited", ...end }));
  for (;;) {
    signal.throwIfAborted();
    if ((await livePostmasterFile(server.dataDir))?.status === "ready") return { kind: "ready" };
    await each();
    const next = await Promise.race([exited, delay(POLL_MS, null)]);
    if (next !== null) return next;
  }
}
