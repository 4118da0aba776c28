import { randomBytes } from "node:crypto";
import { chownSync } from "node:fs";
import { lchown, mkdir, realpath } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { ResourceKeeper } from "../../engine/step-contract.ts";
import type { SandboxLabels, Sandboxes } from "../../steps/ports/sandbox.ts";
import type { Clock } from "../../support/clock.ts";
import type { Log } from "../../support/log.ts";
import { identityOf } from "../../support/process-identity.ts";
import { openSocketDirectory, type SocketDirectory } from "../../support/socket-directory.ts";
import { confine, type Confinement } from "./confine.ts";
import { sandboxKeeper } from "./keeper.ts";
import { checkLaunch, launchConfined } from "./launch.ts";
import { idPrefix, sandboxesRoot, SERVICE_FOLDERS } from "./layout.ts";
import { inspectMachine, type Machine, reachOf } from "./machine.ts";
import { portOf, PROBE_PROGRAM, probeIsolation } from "./probe.ts";
import { writeRecord, writeWatchdog } from "./record.ts";
import { serviceUser } from "./service-user.ts";
import { livingWatchdog, startWatchdog } from "./watchdog.ts";

export interface ProcessSandboxesDeps {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly installation: string;
  readonly log: Log;
  /** Twelve hexadecimal digits, new every time. Default: from the system's random source. */
  readonly newId?: () => string;
}

export type ProcessSandboxes = Sandboxes & {
  readonly keeper: ResourceKeeper;
  /** Folder of the sandbox's unix sockets, short enough to connect to. Release it after connecting. */
  socketHost(ref: SandboxRef): SocketDirectory;
};

/**
 * Sandboxes that are ordinary processes of this machine: a folder, a service user that is not root, a network namespace
 * where one can be had, and a watchdog that ends all of it at its time to live.
 */
export function processSandboxes(deps: ProcessSandboxesDeps): ProcessSandboxes {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
  const root = (): string => sandboxesRoot(deps.stateDir);
  let inspected: Promise<Machine> | null = null;
  const machine = (signal: AbortSignal): Promise<Machine> => {
    inspected ??= inspectMachine(serviceUser(self), self.uid, signal).catch((error: unknown) => {
      inspected = null;
      throw error;
    });
    return inspected;
  };

  const inside = async (ref: SandboxRef, argv: readonly string[], reaches: readonly string[], signal: AbortSignal): Promise<Confinement> => {
    const watchdog = livingWatchdog(ref, deps.clock.bootId);
    const { setpriv, search } = await machine(signal);
    const paths = [ref.dir, argv[0] ?? "", ...reaches];
    const reach = await reachOf(paths, { name: "", ...ref }, self.uid, { setpriv, search }, signal);
    if (reach === "closed") throw closed(ref, paths);
    return confine(ref, argv, { selfUid: self.uid, setpriv, search: reach === "needs_search", watchdogPid: watchdog.pid });
  };

  return {
    keeper: sandboxKeeper({ ...deps, root, machine }),
    socketHost: (ref) => openSocketDirectory(join(ref.dir, "socket")),

    async plan(request) {
      const user = serviceUser(self);
      const { namespaceRefused } = await machine(AbortSignal.timeout(30_000));
      const id = `${idPrefix(deps.installation)}${deps.newId?.() ?? randomBytes(6).toString("hex")}`;
      const fence = chooseFence(request.fence, namespaceRefused);
      if (fence !== request.fence) deps.log.info({ sandbox: id, fence, namespaceRefused }, "sandbox.fence_chosen");
      const expiresWallUs = deps.clock.wallUs() + request.ttlMs * 1000;
      return { kind: "process", id, dir: join(root(), id), port: await freePort(), fence, uid: user.uid, gid: user.gid, expiresWallUs };
    },

    async create(ref, labels, signal) {
      await mkdir(root(), { recursive: true, mode: 0o711 });
      await mkdir(ref.dir, { mode: 0o710 });
      const ttlMs = Math.max(1000, Math.ceil((ref.expiresWallUs - deps.clock.wallUs()) / 1000));
      await writeRecord(ref.dir, record(ref, labels, ttlMs, deps.clock, self.pid));
      if (self.uid === 0) chownSync(ref.dir, 0, ref.gid);
      for (const name of SERVICE_FOLDERS) await makeFolder(ref, join(ref.dir, name), self.uid);
      const start = { ref, ttlMs, bootId: deps.clock.bootId, selfUid: self.uid, machine: await machine(signal), signal };
      await writeWatchdog(ref.dir, await startWatchdog(start));
      deps.log.debug({ sandbox: ref.id, dir: ref.dir, fence: ref.fence, ttlMs }, "sandbox.created");
    },

    async launch(ref, launch, signal) {
      signal.throwIfAborted();
      checkLaunch(ref, launch);
      const confinement = await inside(ref, launch.argv, launch.reaches ?? [], signal);
      return launchConfined(ref, launch, confinement);
    },

    async probe(ref, targets, signal) {
      return probeIsolation(ref, targets, await inside(ref, PROBE_PROGRAM, PROBE_PROGRAM.slice(-1).map(dirname), signal), signal);
    },

    async own(ref, path) {
      const real = join(await realpath(dirname(path)), basename(path));
      if (!real.startsWith(`${ref.dir}/`)) throw new StepError("permanent", "SANDBOX_LAUNCH", `${path} is not inside sandbox ${ref.id}.`);
      if (self.uid === 0) await lchown(real, ref.uid, ref.gid);
    },
  };
}

function chooseFence(wanted: "auto" | SandboxRef["fence"], refused: string | null): SandboxRef["fence"] {
  if (wanted === "settings") return "settings";
  if (refused === null) return "network-namespace";
  if (wanted === "auto") return "settings";
  throw new StepError("permanent", "SANDBOX_FENCE", `This machine gives no network namespace: ${refused}.`, {
    hint: "Use `fence: auto` (then the probes decide), run as root, or allow user namespaces for this user.",
  });
}

/** Free at this moment; the database part takes another when somebody is quicker. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function record(ref: SandboxRef, labels: SandboxLabels, ttlMs: number, clock: Clock, pid: number) {
  const owner = identityOf(pid, clock.bootId) ?? { pid, startTicks: 0, bootId: clock.bootId };
  const { id, uid, gid, fence, expiresWallUs } = ref;
  const created = { createdWallUs: clock.wallUs(), createdMonoUs: clock.monoUs() };
  return { schemaVersion: "firedrill/sandbox/v1" as const, id, labels, owner, uid, gid, fence, ttlMs, ...created, expiresWallUs };
}

async function makeFolder(ref: SandboxRef, path: string, selfUid: number): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (selfUid === 0) await lchown(path, ref.uid, ref.gid);
}

function closed(ref: SandboxRef, paths: readonly string[]): StepError {
  return new StepError("permanent", "SANDBOX_PATH", `The user ${ref.uid} that the server runs as cannot enter all of: ${paths.join(", ")}.`, {
    hint: "Use a state directory (--state), and a place for firedrill and the server's programs, that this user can enter, such as one below /srv or /var/tmp.",
    details: { uid: ref.uid, paths },
  });
}
