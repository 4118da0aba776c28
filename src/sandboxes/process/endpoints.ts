import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { ProbeTarget } from "../../steps/ports/sandbox.ts";

const LOOKUP_MS = 1_000;

/** One thing to try: an endpoint as it is written, or one of the addresses its name has outside the fence. */
export interface Attempt {
  readonly target: ProbeTarget;
  readonly host: string;
  /** `orders-db 10.0.0.5:5432 (db.example)`. */
  readonly title: string;
}

/** Names are resolved outside, because a fence without a resolver proves nothing about addresses. */
export async function attemptsFor(targets: readonly ProbeTarget[]): Promise<readonly Attempt[]> {
  const all = await Promise.all(targets.map(async (target) => attempts(target, await addressesOf(target.host))));
  return all.flat();
}

function attempts(target: ProbeTarget, addresses: readonly string[]): readonly Attempt[] {
  const others = addresses.filter((address) => address !== target.host);
  const at = (host: string, note: string): Attempt => ({
    target,
    host,
    title: `${target.system} ${show(host)}:${target.port}${note}`,
  });
  return [at(target.host, ""), ...others.map((address) => at(address, ` (${target.host})`))];
}

function show(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** No answer in time, or no such name: nothing more to try than the name itself. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (host.startsWith("/")) return [];
  const stop = new AbortController();
  const none = sleep(LOOKUP_MS, [], { signal: stop.signal }).catch(() => []);
  const found = lookup(host, { all: true }).catch(() => []);
  const answer = await Promise.race([found, none]);
  stop.abort();
  return answer.map(({ address }) => address);
}

/**
 * A sandbox without a network of its own listens on this machine's loopback: at the address and port of a system of the
 * inventory, a client of that system could end up in the sandbox, and we in the system (safety rule 3).
 */
export function refuseAddressOf(ref: SandboxRef, tried: readonly Attempt[]): void {
  if (ref.fence === "network-namespace") return;
  const own = new Set([
    "127.0.0.1",
    "::1",
    ...Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
  ]);
  const clash = tried.find(({ target, host }) => target.port === ref.port && own.has(host));
  if (clash === undefined) return;
  throw new StepError(
    "permanent",
    "SANDBOX_ADDRESS",
    `The sandbox would listen at 127.0.0.1:${ref.port}, the address of ${clash.title}.`,
    {
      hint: "Run the drill again: the sandbox gets another port.",
    },
  );
}
