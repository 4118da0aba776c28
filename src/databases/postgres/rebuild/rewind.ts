import { join } from "node:path";
import { nodeDatabase } from "../../../drills/node-database.ts";
import { formatConninfo } from "../conninfo.ts";
import { controlFileOf } from "../control-file-of.ts";
import { HeldFolder } from "../held-folder.ts";
import type { Divergence } from "./divergence.ts";
import { keepDivergentWal } from "./keep-divergent-wal.ts";
import { restoreOwnFiles, writeNote } from "./own-files.ts";
import type { RebuildWork } from "./rebuild-deps.ts";
import { configFile, runServerTool } from "./run-server-tool.ts";

/** Folder of a pg_rewind of the server's major, or why there is none. */
export async function findRewind({ deps, request, primary, watch }: RebuildWork): Promise<string | null> {
  const found = await deps.binaries.all(watch.signal);
  const fitting = found.filter(({ major, tools }) => major === primary.major && tools.has("pg_rewind"));
  return (fitting.find(({ bin }) => bin === request.node.bin) ?? fitting[0])?.bin ?? null;
}

/**
 * Takes the server back to where the histories part, and brings what the primary changed since. It fails where pages carry neither checksums nor
 * hint-bit records, and where WAL is gone. Until it is done the data directory is no database: the note says so. Throws `REBUILD_REWIND`.
 */
export async function rewind(work: RebuildWork, bin: string, diverged: Divergence): Promise<void> {
  const { deps, request, place, watch } = work;
  if (!request.discardDivergent) await keepDivergentWal(work.place, diverged);
  await deps.replication.checkpoint(request.system, request.primary, watch.signal);
  await writeNote(place, { rewinding: true, done: null, bytes: null });
  // The single-user server that ends the recovery refuses to be a standby.
  await using folder = await HeldFolder.open(place.dataDir);
  await folder.remove("standby.signal");
  await endRecovery(work, bin);
  await runRewind(work, bin);
  await restoreOwnFiles(place, place.dataDir);
  await writeNote(place, { rewinding: false, done: "pg_rewind", bytes: null });
}

/**
 * A crashed server has to be recovered first. pg_rewind would do it, but that recovery removes the very WAL which pg_rewind then looks for
 * (seen with 15): so it is done here, and keeps all.
 */
async function endRecovery(work: RebuildWork, bin: string): Promise<void> {
  const { state } = await controlFileOf(work.place.dataDir);
  if (state === "shut down" || state === "shut down in recovery") return;
  const config = await configFile(work.place.own);
  const settings = ["-c", `wal_keep_size=${KEEP_ALL_MB}`, ...(config === null ? [] : ["-c", `config_file=${config}`])];
  const args = ["--single", "-D", work.place.dataDir, ...settings, "template1"];
  await runServerTool(work, { program: join(bin, "postgres"), args });
}

const KEEP_ALL_MB = 1_000_000_000;

async function runRewind(work: RebuildWork, bin: string): Promise<void> {
  const { deps, request, place } = work;
  const { host, port, user, database, password } = nodeDatabase(request.system, request.primary);
  const source = formatConninfo(
    new Map([
      ["host", host],
      ["port", String(port)],
      ["user", user],
      ["dbname", database],
    ]),
  );
  const config = await configFile(place.own);
  const args = [
    "-D",
    place.dataDir,
    `--source-server=${source}`,
    ...(config === null ? [] : [`--config-file=${config}`]),
  ];
  const secret = password === null ? {} : { PGPASSWORD: await deps.secret(password) };
  const env = { PGAPPNAME: "firedrill", PGCONNECT_TIMEOUT: "10", ...secret };
  await runServerTool(work, { program: join(bin, "pg_rewind"), args, env });
}
