import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../drills/step-error.ts";
import type { Launched } from "../../steps/ports/sandbox.ts";
import { livePostmasterFile } from "./postmaster-file.ts";
import { sendSignal } from "./server-stop.ts";
import { readLogTail } from "./server-log.ts";

/** A server that was launched and may still be on its way up. */
export interface LaunchedServer extends Launched {
  readonly dataDir: string;
  readonly port: number;
}

export interface StartAttempt {
  readonly dataDir: string;
  readonly port: number;
  launch(port: number, listen: string): Promise<Launched>;
  freePort(): Promise<number>;
  readonly signal: AbortSignal;
}

const PORT_TRIES = 5;
const POLL_MS = 5;

/**
 * Launches until the server has its sockets. A port that someone else took in the meantime is replaced by another one,
 * at most five times; a fence without a loopback device makes it listen on its unix socket only.
 */
export async function launchWithPort(attempt: StartAttempt): Promise<LaunchedServer> {
  let port = attempt.port;
  let listen = "127.0.0.1";
  for (let tries = 1; ; tries += 1) {
    const launched = await attempt.launch(port, listen);
    const up = await untilListening(launched, attempt.dataDir, attempt.signal).catch((error: unknown) =>
      abandon(launched, error),
    );
    if (up.kind === "up") return { ...launched, dataDir: attempt.dataDir, port };
    const trouble = listenTrouble(await readLogTail(launched.logPath));
    if (trouble === null) return { ...launched, dataDir: attempt.dataDir, port };
    if (tries >= PORT_TRIES) throw noPort(port);
    if (trouble === "no-loopback") listen = "";
    else port = await attempt.freePort();
  }
}

type Listening = { readonly kind: "up" } | { readonly kind: "ended" };

/** The status line of `postmaster.pid` is written after the sockets are bound (postmaster.c, PostmasterMain). */
async function untilListening(launched: Launched, dataDir: string, signal: AbortSignal): Promise<Listening> {
  const ended = launched.exited.then((): Listening => ({ kind: "ended" }));
  for (;;) {
    signal.throwIfAborted();
    const file = await livePostmasterFile(dataDir);
    if (file !== null && file.status !== null && file.status !== "") return { kind: "up" };
    const next = await Promise.race([ended, delay(POLL_MS, null)]);
    if (next !== null) return next;
  }
}

/** It may not have written `postmaster.pid` yet, so nobody else could find it. */
async function abandon(launched: Launched, error: unknown): Promise<never> {
  for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
    sendSignal(launched.pid, signal);
    if ((await Promise.race([launched.exited, delay(2000, null)])) !== null) break;
  }
  throw error;
}

/** Only the last start counts: the log is appended to by every try. */
function listenTrouble(log: string): "port-taken" | "no-loopback" | null {
  const last = log.slice(Math.max(0, log.lastIndexOf("starting PostgreSQL")));
  if (!/could not create any TCP\/IP sockets|could not bind|lock file "[^"]*\.s\.PGSQL/u.test(last)) return null;
  return /Cannot assign requested address/u.test(last) ? "no-loopback" : "port-taken";
}

function noPort(port: number): StepError {
  return new StepError(
    "transient",
    "PG_NO_PORT",
    `no free port for the server after ${PORT_TRIES} tries (last tried: ${port})`,
    {
      hint: "something on this machine takes ports as fast as they are found; run again",
    },
  );
}
