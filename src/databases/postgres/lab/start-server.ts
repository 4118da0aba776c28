import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { DatabaseRef } from "../../../drills/database-ref.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { PostgresBinaries } from "../../../steps/ports/postgres.ts";
import { freePort } from "../free-port.ts";
import { type Launcher, spawnLauncher } from "../launcher.ts";
import { quoteSetting } from "../quote.ts";
import { launchWithPort } from "../server-start.ts";
import { readLogTail } from "../server-log.ts";
import { stopServer, type StopMode } from "../server-stop.ts";
import type { ServiceUser } from "../service-user.ts";
import { untilReady } from "../until-ready.ts";

export interface StartServerRequest {
  readonly binaries: PostgresBinaries;
  readonly dataDir: string;
  /** Private folder (0700) of the unix socket; made when missing. */
  readonly socketDir: string;
  readonly logPath: string;
  readonly user: ServiceUser | null;
  readonly superuser: string;
  /** Wanted port; another one when it is taken. 0: any. */
  readonly port: number;
  /** Archives finished WAL segments as plain files into this folder; null: no archiving. */
  readonly archiveDir: string | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** How the server is started; a plain child process when absent. */
  readonly launcher?: Launcher;
}

/** A primary of a lab. Disposing stops it. */
export interface LabServer extends AsyncDisposable {
  readonly pid: number;
  readonly dataDir: string;
  readonly logPath: string;
  /** Through the unix socket, as superuser, database `postgres`. */
  readonly database: DatabaseRef;
  stop(mode: StopMode): Promise<void>;
}

/** Starts a server on a cluster of {@link initCluster} and returns when it answers. Settings of ours live in `postgresql.auto.conf`. */
export async function startServer(request: StartServerRequest): Promise<LabServer> {
  const { dataDir, user, binaries } = request;
  await prepareFolders(request);
  await writeSettings(request);
  const launch = request.launcher ?? spawnLauncher(user);
  const server = await launchWithPort({
    dataDir,
    port: request.port === 0 ? await freePort() : request.port,
    freePort,
    signal: request.signal,
    launch: (port, listen) => {
      const argv = [
        join(binaries.bin, "postgres"),
        "-D",
        dataDir,
        "-p",
        String(port),
        "-c",
        `listen_addresses=${listen}`,
      ];
      return launch({ argv, env: { LC_ALL: "C" }, cwd: dirname(dataDir), logPath: request.logPath }, request.signal);
    },
  });
  const outcome = await untilReady(server, request.signal, () => undefined);
  if (outcome.kind === "exited") throw await notStarted(server.logPath);
  const database: DatabaseRef = {
    engine: "postgresql",
    sandbox: null,
    host: request.socketDir,
    port: server.port,
    user: request.superuser,
    database: "postgres",
    password: null,
  };
  const stop = async (mode: StopMode): Promise<void> => void (await stopServer(dataDir, mode));
  return {
    pid: server.pid,
    dataDir,
    logPath: server.logPath,
    database,
    stop,
    [Symbol.asyncDispose]: () => stop("fast"),
  };
}

async function prepareFolders({ socketDir, archiveDir, user }: StartServerRequest): Promise<void> {
  for (const dir of [socketDir, ...(archiveDir === null ? [] : [archiveDir])]) {
    await mkdir(dir, { recursive: true });
    if (user !== null) await chown(dir, user.uid, user.gid);
    await chmod(dir, 0o700);
  }
}

/** The socket's folder is named from the data directory, where a server goes: an absolute path may be too long for it. */
async function writeSettings(request: StartServerRequest): Promise<void> {
  const archive = request.archiveDir === null ? {} : archiving(request.archiveDir);
  const settings = {
    unix_socket_directories: relative(request.dataDir, request.socketDir),
    log_destination: "stderr",
    ...archive,
    ...request.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoteSetting(value)}`);
  const path = join(request.dataDir, "postgresql.auto.conf");
  await writeFile(path, `# Settings of the lab\n${lines.join("\n")}\n`, { mode: 0o600 });
  if (request.user !== null) await chown(path, request.user.uid, request.user.gid);
}

/** Never overwrites a file of the archive (manual: 25.3.1). The folder is quoted for the shell the server runs. */
function archiving(dir: string): Readonly<Record<string, string>> {
  const quoted = `'${dir.replaceAll("'", `'\\''`).replaceAll("%", "%%")}'`;
  return { archive_mode: "on", archive_command: `test ! -f ${quoted}/%f && cp %p ${quoted}/%f` };
}

async function notStarted(logPath: string): Promise<StepError> {
  const lines = (await readLogTail(logPath, 4096)).trim().split("\n");
  return new StepError(
    "permanent",
    "PG_LAB_START",
    `the server did not start: ${lines.find((line) => line.includes("FATAL")) ?? lines.at(-1) ?? ""}`,
    { hint: `see ${logPath}` },
  );
}
