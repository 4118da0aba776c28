import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ControlFile } from "../../../formats/postgres/control-file.ts";
import type { RecoverRequest } from "../../../steps/ports/postgres.ts";
import type { Sandboxes } from "../../../steps/ports/sandbox.ts";
import { freePort } from "../free-port.ts";
import { HeldFolder } from "../held-folder.ts";
import { type LaunchedServer, launchWithPort } from "../server-start.ts";
import { primarySettings, safeProfile } from "./safe-profile.ts";
import {
  commandLine,
  configFile,
  durabilitySettings,
  HBA_FILE,
  replaySettings,
  targetSettings,
} from "./server-config.ts";

/** Begins a log line: time, pid, kind of process. `server-log` reads it. */
const LOG_LINE_PREFIX = "%m [%p] %b ";

/** Writes the sandbox's own configuration and launches the server on the prepared data directory. */
export async function startRecovery(
  request: RecoverRequest,
  control: ControlFile,
  deps: { readonly sandboxes: Pick<Sandboxes, "launch">; readonly totalMemoryBytes: number },
  signal: AbortSignal,
): Promise<LaunchedServer> {
  const conf = await writeConfig(request, deps.totalMemoryBytes);
  const fixed = commandLine(fixedSettings(request, control, conf));
  return launchWithPort({
    dataDir: request.dataDir,
    port: request.sandbox.port,
    freePort,
    signal,
    launch: (port, listen) => {
      const argv = [
        join(request.binaries.bin, "postgres"),
        "-D",
        request.dataDir,
        ...fixed,
        ...commandLine({ port: String(port), listen_addresses: listen }),
      ];
      return deps.sandboxes.launch(
        request.sandbox,
        { name: "postgres", argv, env: { LC_ALL: "C" }, cwd: request.dataDir },
        signal,
      );
    },
  });
}

/** Ours, and the server may read it: it never writes its configuration, and nobody else must put a link where we write. */
async function writeConfig(request: RecoverRequest, totalMemoryBytes: number): Promise<string> {
  const settings = {
    ...replaySettings(totalMemoryBytes),
    ...request.settings,
    ...targetSettings(request.target, request.timeline),
    restore_command: request.wal.restoreCommand,
  };
  const readers = { uid: -1, gid: request.sandbox.gid };
  await using sandbox = await HeldFolder.open(request.sandbox.dir);
  await sandbox.remove("conf");
  await mkdir(sandbox.path("conf"), { mode: 0o700 });
  await using conf = await sandbox.folder("conf");
  const files = { "postgresql.conf": configFile(settings), "pg_hba.conf": HBA_FILE, "pg_ident.conf": "" };
  for (const [name, text] of Object.entries(files)) await conf.write(name, text, readers, 0o640);
  await conf.give(readers, 0o750);
  return join(request.sandbox.dir, "conf");
}

function fixedSettings(request: RecoverRequest, control: ControlFile, conf: string): Readonly<Record<string, string>> {
  return {
    config_file: join(conf, "postgresql.conf"),
    hba_file: join(conf, "pg_hba.conf"),
    ident_file: join(conf, "pg_ident.conf"),
    ...safeProfile(request.preload ?? [], request.binaries.major),
    ...primarySettings(control, request.settings),
    ...durabilitySettings(request.durability),
    hot_standby: "on",
    // From the data directory, where the server goes: an absolute path may be too long for a socket.
    unix_socket_directories: "../socket",
    logging_collector: "off",
    log_destination: "stderr",
    log_line_prefix: LOG_LINE_PREFIX,
    lc_messages: "C",
    password_encryption: "scram-sha-256",
  };
}
