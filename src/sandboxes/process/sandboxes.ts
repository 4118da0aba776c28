import { randomBytes } from "node:crypto";
import { lchown, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { ResourceKeeper } from "../../engine/step-contract.ts";
import type { Sandboxes } from "../../steps/ports/sandbox.ts";
import { openSocketDirectory, type SocketDirectory } from "../../support/socket-directory.ts";
import { createSandbox } from "./create.ts";
import { type Host, type HostDeps, thisHost } from "./host.ts";
import { insideOf } from "./inside.ts";
import { sandboxKeeper } from "./resources.ts";
import { checkLaunch, launchConfined } from "./launch.ts";
import { planSandbox } from "./plan.ts";
import { PROBE_PROGRAM, probeIsolation } from "./probe.ts";

export interface ProcessSandboxesDeps extends HostDeps {
  /** Twelve hexadecimal digits, new every time. Default: from the system's random source. */
  readonly newId?: () => string;
}

export type ProcessSandboxes = Sandboxes & {
  readonly keeper: ResourceKeeper;
  /** Folder of the sandbox's unix sockets, under a name short enough to connect to. Release it after connecting. */
  socketHost(ref: SandboxRef): SocketDirectory;
};

/**
 * Sandboxes that are ordinary processes of this machine: a folder, a service user that is not root, a network namespace
 * where one can be had, and a watchdog that ends all of it at its time to live.
 */
export function processSandboxes(deps: ProcessSandboxesDeps): ProcessSandboxes {
  const host = thisHost(deps);
  const newId = deps.newId ?? (() => randomBytes(6).toString("hex"));
  return {
    keeper: sandboxKeeper(host),
    socketHost: (ref) => openSocketDirectory(join(ref.dir, "socket")),
    plan: (request) => planSandbox(host, request, newId()),
    create: (ref, labels, signal) => createSandbox(host, ref, labels, signal),
    async launch(ref, launch, signal) {
      signal.throwIfAborted();
      checkLaunch(ref, launch);
      return launchConfined(ref, launch, await insideOf(host, ref, launch.argv, launch.reaches ?? [], signal));
    },
    async probe(ref, targets, signal) {
      const needs = PROBE_PROGRAM.slice(-1).map(dirname);
      return probeIsolation(ref, targets, await insideOf(host, ref, PROBE_PROGRAM, needs, signal), signal);
    },
    own: (ref, path) => own(host, ref, path),
  };
}

async function own({ self }: Host, ref: SandboxRef, path: string): Promise<void> {
  const real = join(await realpath(dirname(path)), basename(path));
  if (!real.startsWith(`${ref.dir}/`)) {
    throw new StepError(
      "permanent",
      "SANDBOX_LAUNCH",
      `${path} is not inside sandbox ${ref.id}, so it is not given to its server.`,
    );
  }
  if (self.uid === 0) await lchown(real, ref.uid, ref.gid);
}
