import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import { parseBackupLabel } from "../../../formats/postgres/backup-label.ts";
import { formatLsn } from "../../../formats/postgres/lsn.ts";
import type { BackupRequest } from "../../../steps/ports/backup-maker.ts";
import type { Session } from "../../../steps/ports/postgres.ts";
import { copyCluster } from "./copy-cluster.ts";
import type { TakenBackup } from "./taken-backup.ts";

/** The functions were renamed in 15, which also dropped the exclusive mode (manual of 14 and 15: 9.27.3). */
interface LowLevelCalls {
  readonly start: string;
  readonly stop: string;
}

function callsOf(major: number): LowLevelCalls {
  const columns = "lsn::text as lsn, labelfile, spcmapfile";
  return major >= 15
    ? { start: "select pg_backup_start($1, $2)", stop: `select ${columns} from pg_backup_stop(true)` }
    : { start: "select pg_start_backup($1, $2, false)", stop: `select ${columns} from pg_stop_backup(false, true)` };
}

type StopRow = Readonly<{ lsn: string; labelfile: string; spcmapfile: string }>;

/**
 * Takes a base backup by the low-level API (manual: 25.3.4): start, copy, stop in one session. The WAL of the backup's time
 * is not in the copy, so the stop waits until the archive has it; without an archive the copy could never be opened.
 */
export async function takeLowLevel(
  request: BackupRequest,
  dir: string,
  session: Session,
  major: number,
  signal: AbortSignal,
): Promise<TakenBackup> {
  const dataDir = await localDataDir(request, session);
  const { start, stop } = callsOf(major);
  await session.query(start, [request.label, request.checkpoint === "fast"]);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const copied = await copyCluster(dataDir, dir, signal);
  const [row] = await session.query<StopRow>(stop);
  if (row === undefined)
    throw new StepError("permanent", "BACKUP_TAKE", "the server did not say where the backup ends");
  // Byte for byte as the server gave it: it is what recovery starts from.
  await writeFile(join(dir, "backup_label"), row.labelfile, { mode: 0o600, flag: "wx" });
  const label = parseBackupLabel(row.labelfile);
  return {
    files: copied.files + 1,
    bytes: copied.bytes,
    startLsn: formatLsn(label.startLsn),
    stopLsn: row.lsn,
    timeline: label.timeline,
  };
}

async function localDataDir(request: BackupRequest, session: Session): Promise<string> {
  const [row] = await session.query<{ dir: string; archiving: boolean }>(
    "select current_setting('data_directory') as dir, current_setting('archive_mode') <> 'off' as archiving",
  );
  const dir = row?.dir ?? "";
  if (row?.archiving !== true)
    throw unsuited("the system archives no WAL", "switch archive_mode on, or use the method replication");
  if (request.format === "tar") throw unsuited("this method writes plain copies only", "use format: plain");
  const spaces = await readdir(join(dir, "pg_tblspc")).catch(() => null);
  if (spaces === null) throw unsuited(`${dir} cannot be read from here`, "use the method replication");
  if (spaces.length > 0)
    throw new StepError(
      "permanent",
      "BACKUP_TABLESPACES",
      "the system has tablespaces, which this method does not copy",
      { hint: "use the method replication with format: tar" },
    );
  return dir;
}

function unsuited(why: string, hint: string): StepError {
  return new StepError("permanent", "BACKUP_METHOD", `low-level backup: ${why}`, { hint });
}
