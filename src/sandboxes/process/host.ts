import type { Clock } from "../../support/clock.ts";
import type { Log } from "../../support/log.ts";
import { sandboxesRoot } from "./layout.ts";
import { inspectMachine, type Machine } from "./machine.ts";
import { serviceUser } from "./service-user.ts";

export interface HostDeps {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly installation: string;
  readonly log: Log;
}

/** Who we are, where sandboxes are, and what this machine allows. */
export interface Host extends HostDeps {
  readonly self: { readonly uid: number; readonly gid: number; readonly pid: number };
  /** Real path of the folder of all sandboxes; it need not exist. */
  root(): string;
  /** Found out once, when it is needed first. */
  machine(signal: AbortSignal): Promise<Machine>;
}

export function thisHost(deps: HostDeps): Host {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
  let inspected: Promise<Machine> | null = null;
  return {
    ...deps,
    self,
    root: () => sandboxesRoot(deps.stateDir),
    async machine(signal) {
      inspected ??= inspectMachine(serviceUser(self), self.uid, signal);
      try {
        return await inspected;
      } catch (error) {
        // An aborted look says nothing about the machine.
        inspected = null;
        throw error;
      }
    },
  };
}
