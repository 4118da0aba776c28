import { runHeartbeat } from "../databases/postgres-content/heartbeat.ts";
import type { DatabaseRef } from "../drills/database-ref.ts";
import type { Log } from "../support/log.ts";
import type { App } from "../wire.ts";

/** That the connection breaks is the disaster, and no news. */
const UNTOLD: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A heartbeat into the demo's primary until it is told to stop; that its server dies is expected of it. */
export function startBeating(
  app: App,
  database: DatabaseRef,
  intervalMs: number,
  signal: AbortSignal,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const both = AbortSignal.any([signal, stopping.signal]);
  const ended = runHeartbeat({
    connect: (connectSignal) =>
      app.sessions.open(database, {
        readOnly: false,
        statementTimeoutMs: 5000,
        connectTimeoutMs: 5000,
        signal: connectSignal,
      }),
    schema: "firedrill",
    intervalMs,
    count: null,
    clock: app.clock,
    signal: both,
    log: UNTOLD,
  }).catch(() => undefined);
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
