/**
 * Composition root: the only file that knows concrete drivers. Commands ask it for what they need; it reads the environment,
 * the clock and the random source once and hands them down.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { hostname, tmpdir, totalmem, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { directorySource } from "./backups/directory/directory-source.ts";
import { canaryTableKeeper } from "./canary/table-keeper.ts";
import { trafficProcessKeeper } from "./canary/process-keeper.ts";
import { createTraffic } from "./canary/traffic.ts";
import { allowedArgv } from "./commands/allow-list.ts";
import { createCommands, type MachineCommands } from "./commands/commands.ts";
import { createBackupMaker } from "./databases/postgres/backup/create-base-backup.ts";
import { partialBackupKeeper } from "./databases/postgres/backup/partial-keeper.ts";
import { createBinaries } from "./databases/postgres/binaries.ts";
import { createNodeControl } from "./databases/postgres/node/node-control.ts";
import type { NpmPackageDeps } from "./databases/postgres/npm-binaries.ts";
import { createRebuilder } from "./databases/postgres/rebuild/create-rebuilder.ts";
import { createRestoreDriver } from "./databases/postgres/recovery/recover.ts";
import { createRestorePlace } from "./databases/postgres/recovery/restore-place.ts";
import { RESERVED_SETTINGS } from "./databases/postgres/recovery/safe-profile.ts";
import { createReplication } from "./databases/postgres/replication/create-replication.ts";
import { createBaselines, takeFingerprint, writeBaseline } from "./databases/postgres-content/baseline.ts";
import { runHeartbeat } from "./databases/postgres-content/heartbeat.ts";
import { contentReader } from "./databases/postgres-content/content-reader.ts";
import { createPageVerifier } from "./databases/postgres-content/verify-pages.ts";
import { createSessions } from "./databases/postgres/sessions.ts";
import type { StepCatalogue } from "./drills/step-signature.ts";
import type { EngineDeps, Observers } from "./engine/engine-deps.ts";
import { fileApprovals } from "./engine/approvals/file-approvals.ts";
import { standardGuards } from "./engine/guards/all-guards.ts";
import { secretResolver } from "./engine/secret-resolver.ts";
import { openState, type StateDirectory } from "./engine/state/state-directory.ts";
import type { ResourceKeeper, Step } from "./engine/step-contract.ts";
import { systemTimers } from "./engine/timers.ts";
import { faultKeeper } from "./faults/fault-keeper.ts";
import { createSystemFaults, type UndoableFaults } from "./faults/system-faults.ts";
import { createPatroni } from "./patroni/create-patroni.ts";
import { type ProcessSandboxes, processSandboxes } from "./sandboxes/process/sandboxes.ts";
import { inspectMachine, type Machine, type Reach, reachOf } from "./sandboxes/process/machine.ts";
import { serverEntry } from "./sandboxes/process/server-entry.ts";
import { type ServiceUser, serviceUser } from "./sandboxes/process/service-user.ts";
import { type StepDeps, stepLibrary } from "./steps/library.ts";
import { createStopProbe } from "./stop-conditions/stop-probe.ts";
import type { Clock } from "./support/clock.ts";
import type { Log } from "./support/log.ts";
import { type LogLevel, pinoLog } from "./support/log-pino.ts";
import { identityOf } from "./support/process-identity.ts";
import { createRedactor, type Redactor } from "./support/redact.ts";
import { systemClock } from "./support/system-clock.ts";

export interface Settings {
  readonly stateDir: string;
  /** `--pg-bin`, or null. */
  readonly pgBin: string | null;
  /** Folders that the configuration names. */
  readonly configuredPgBins?: readonly string[];
  /** Programs that `command/run` may run; none when absent. */
  readonly allowedCommands?: readonly string[];
  readonly logLevel: LogLevel;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths of a playbook start: the working directory. */
  readonly baseDir: string;
}

/** Everything that touches the world, put together for one installation. */
export interface Drivers extends StepDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly sandboxes: ProcessSandboxes;
  readonly faults: UndoableFaults;
  readonly commands: MachineCommands;
  readonly secret: (ref: string) => Promise<string>;
  readonly baselineFiles: { readonly take: typeof takeFingerprint; readonly write: typeof writeBaseline };
  readonly heartbeat: typeof runHeartbeat;
}

export interface App extends Drivers {
  readonly settings: Settings;
  readonly state: StateDirectory;
  readonly steps: ReadonlyMap<string, Step>;
  engine(observers?: Observers): EngineDeps;
}

/** Opens the state directory (and makes it when it is not there) and puts everything together. */
export async function wire(settings: Settings): Promise<App> {
  const state = await openState(settings.stateDir, randomBytes);
  const drivers = createDrivers(settings, state);
  const steps = stepLibrary(drivers);
  return {
    ...drivers,
    settings,
    state,
    steps,
    engine: (observers) => engineDeps(settings, state, drivers, steps, observers),
  };
}

/** What a playbook can use. Makes nothing: the drivers behind it are never called. */
export function stepCatalogue(): StepCatalogue {
  const nowhere = { stateDir: "", pgBin: null, logLevel: "silent", env: {}, baseDir: "" } as const;
  return stepLibrary(createDrivers(nowhere, { root: "", installation: "" }));
}

/** Drivers without an installation, for commands that read and create nothing (`doctor`, `init`, `heartbeat`). */
export function readOnlyDrivers(settings: Settings): Drivers {
  return createDrivers(settings, { root: settings.stateDir, installation: "" });
}

/** What `run` asks before it makes anything. */
export function readyDeps(settings: Settings): Pick<Drivers, "secret"> & {
  readonly allowed: (argv: readonly string[]) => unknown;
} {
  const { secret } = readOnlyDrivers(settings);
  return { allowed: (argv) => allowedArgv(argv, settings.allowedCommands ?? []), secret };
}

/** Who servers would run as, whether they get to `stateDir`, what fences them: found out by trying, leaves nothing. */
export async function sandboxHost(stateDir: string, signal: AbortSignal): Promise<SandboxHost> {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const user = serviceUser(self);
  const machine = await inspectMachine(user, self.uid, signal);
  let dir = stateDir;
  while (!existsSync(dir)) dir = dirname(dir);
  return { user, machine, reach: await reachOf([dir], user, self.uid, machine, signal) };
}

export interface SandboxHost {
  readonly user: ServiceUser;
  readonly machine: Machine;
  readonly reach: Reach;
}

function createDrivers(settings: Settings, state: StateDirectory): Drivers {
  const clock = systemClock();
  const redactor = createRedactor();
  const log = pinoLog(settings.logLevel, redactor);
  const secrets = secretResolver(settings.env);
  const secret = async (ref: string): Promise<string> => {
    const value = await secrets.resolve(ref, AbortSignal.timeout(10_000));
    redactor.add(value);
    return value;
  };
  const sandboxes = processSandboxes({ stateDir: state.root, clock, installation: state.installation, log });
  const sessions = createSessions({ secret });
  const binaries = createBinaries({
    option: settings.pgBin,
    configured: settings.configuredPgBins ?? [],
    path: settings.env["PATH"] ?? "",
    npm: npmPackage(state.root),
  });
  const source = directorySource({ clock });
  const maker = createBackupMaker({ sessions, binaries, clock, secret });
  return {
    ...failoverDrivers(settings, state, { clock, sessions, binaries, maker, secret }),
    commands: createCommands({ allowed: settings.allowedCommands ?? [], clock, redactor, secret }),
    traffic: createTraffic({ clock, secret }),
    patroni: createPatroni({ clock }),
    secret,
    clock,
    log,
    redactor,
    sandboxes,
    source,
    sources: new Map([[source.kind, source]]),
    binaries,
    sessions,
    place: createRestorePlace(sandboxes),
    driver: createRestoreDriver({ sandboxes, sessions, clock, random: randomBytes, totalMemoryBytes: totalmem() }),
    reservedSettings: RESERVED_SETTINGS,
    maker,
    pages: createPageVerifier({ clock }),
    content: contentReader,
    baselines: createBaselines({ baseDir: settings.baseDir }),
    baselineFiles: { take: takeFingerprint, write: writeBaseline },
    heartbeat: runHeartbeat,
    approvals: fileApprovals({ clock, timers: systemTimers(clock), log }),
  };
}

/** What acts on the servers of a system. */
function failoverDrivers(
  { env }: Settings,
  state: StateDirectory,
  base: Pick<Drivers, "clock" | "sessions" | "binaries" | "maker" | "secret">,
): Pick<Drivers, "control" | "replication" | "faults" | "rebuilder"> {
  const { clock, sessions } = base;
  const uid = process.getuid?.() ?? 0;
  const path = env["PATH"] ?? "";
  const control = createNodeControl({
    clock,
    logDir: join(state.root, "server-logs"),
    uid,
    path,
    enter: serverEntry(),
  });
  const replication = createReplication({ clock, sessions });
  const neededFolders = ["/", "/tmp", tmpdir(), state.root];
  const { installation } = state;
  return {
    control,
    replication,
    faults: createSystemFaults({ clock, random: randomBytes, sessions, installation, path, neededFolders }),
    rebuilder: createRebuilder({ ...base, control, replication, uid }),
  };
}

function engineDeps(
  settings: Settings,
  state: StateDirectory,
  drivers: Drivers,
  steps: ReadonlyMap<string, Step>,
  observers?: Observers,
): EngineDeps {
  const { clock, log, redactor, sessions } = drivers;
  const self = identityOf(process.pid, clock.bootId) ?? { pid: process.pid, startTicks: 0, bootId: clock.bootId };
  return {
    state,
    clock,
    timers: systemTimers(clock),
    steps,
    keepers: keepersOf(drivers, state),
    guard: standardGuards,
    stopProbe: createStopProbe({ sessions, clock }),
    secrets: secretResolver(settings.env),
    redactor,
    log,
    random: randomBytes,
    orchestrator: { ...self, host: hostname(), user: userName(), tool: `firedrill ${packageVersion()}` },
    ...(observers === undefined ? {} : { observers }),
  };
}

function keepersOf(drivers: Drivers, { installation }: StateDirectory): readonly ResourceKeeper[] {
  const { sandboxes, commands, clock, secret, control, replication, faults } = drivers;
  return [
    sandboxes.keeper,
    partialBackupKeeper(installation),
    trafficProcessKeeper(),
    canaryTableKeeper({ clock, secret }),
    faultKeeper({ control, replication, faults }),
    commands.keeper,
  ];
}

/** The server that npm brings; looked up without running the package's own code. */
function npmPackage(stateDir: string): NpmPackageDeps {
  const { resolve } = createRequire(import.meta.url);
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return {
    resolve: (name) => {
      try {
        return resolve(name);
      } catch {
        return null;
      }
    },
    platform: process.platform,
    arch: process.arch,
    serviceUser: self.uid === 0 ? serviceUser(self) : null,
    cacheDir: join(stateDir, "cache", "postgresql"),
  };
}

/** A user id without an entry in the system's list has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

function packageVersion(): string {
  // Our own package.json.
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;
}
