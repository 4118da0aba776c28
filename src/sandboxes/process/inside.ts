import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { confine, type Confinement } from "./confine.ts";
import type { Host } from "./host.ts";
import { reachOf } from "./machine.ts";
import { livingWatchdog } from "./watchdog.ts";

/** The command line that runs a program as the sandbox's user inside its fence; `reaches` are further paths it needs. */
export async function insideOf(
  host: Host,
  ref: SandboxRef,
  argv: readonly string[],
  reaches: readonly string[],
  signal: AbortSignal,
): Promise<Confinement> {
  const watchdog = livingWatchdog(ref, host.clock.bootId);
  const machine = await host.machine(signal);
  const paths = [ref.dir, argv[0] ?? "", ...reaches];
  const reach = await reachOf(paths, ref, host.self.uid, machine, signal);
  if (reach === "closed") throw closed(ref, paths);
  const { setpriv } = machine;
  return confine(ref, argv, {
    selfUid: host.self.uid,
    setpriv,
    search: reach === "needs_search",
    watchdogPid: watchdog.pid,
  });
}

function closed(ref: SandboxRef, paths: readonly string[]): StepError {
  const message = `The user ${ref.uid} that the server runs as cannot enter all of: ${paths.join(", ")}.`;
  return new StepError("permanent", "SANDBOX_PATH", message, {
    hint: "Use a state directory (--state), and a place for firedrill and the server's programs, that this user can enter, such as one below /srv or /var/tmp.",
    details: { uid: ref.uid, paths },
  });
}
