import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StepError } from "../../../drills/step-error.ts";
import { formatLsn } from "../../../formats/postgres/lsn.ts";
import { parseBackupManifest } from "../../../formats/postgres/backup-manifest.ts";
import type { BackupRequest } from "../../../steps/ports/backup-maker.ts";
import type { PostgresBinaries } from "../../../steps/ports/postgres.ts";
import { dyingWithUs } from "../../../support/dying-with-us.ts";
import { SYSTEM_PATH, workMarker } from "./backup-process.ts";
import type { TakenBackup } from "./taken-backup.ts";

const run = promisify(execFile);

/** Runs pg_basebackup. The password goes through the environment of that one child, never through its arguments. */
export async function takeWithPgBasebackup(
  request: BackupRequest,
  dir: string,
  password: string | null,
  binaries: PostgresBinaries,
  signal: AbortSignal,
): Promise<TakenBackup> {
  const { database } = request;
  // The folder of a unix socket may be too long for a path; as the working directory it has a short name.
  const local = database.host.startsWith("/");
  const connection = [
    "-h",
    local ? "/proc/self/cwd" : database.host,
    "-p",
    String(database.port),
    "-U",
    database.user,
    "--no-password",
  ];
  const format = request.format === "tar" ? "--format=tar" : "--format=plain";
  const args = [
    "-D",
    dir,
    format,
    "--wal-method=stream",
    `--checkpoint=${request.checkpoint}`,
    `--label=${request.label}`,
    ...connection,
  ];
  const env = {
    PATH: SYSTEM_PATH,
    LC_ALL: "C",
    PGAPPNAME: "firedrill",
    ...workMarker(request.owner?.token ?? null),
    ...(password === null ? {} : { PGPASSWORD: password }),
  };
  const [program, ...words] = [...(await dyingWithUs()), join(binaries.bin, "pg_basebackup"), ...args];
  try {
    await run(program ?? "", words, {
      env,
      signal,
      cwd: local ? database.host : "/",
      maxBuffer: 1024 * 1024,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw failed(error);
  }
  return { ...(await measure(dir)), ...(await positions(dir)) };
}

function failed(error: unknown): StepError {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
  return new StepError("permanent", "BACKUP_TAKE", `pg_basebackup failed: ${text.slice(-500)}`, {
    hint: "the role needs REPLICATION and pg_hba.conf an entry for the database `replication`",
  });
}

async function positions(dir: string): Promise<Pick<TakenBackup, "startLsn" | "stopLsn" | "timeline">> {
  const manifest = parseBackupManifest(await readFile(join(dir, "backup_manifest")));
  const first = manifest.walRanges.at(0);
  const last = manifest.walRanges.at(-1);
  if (first === undefined || last === undefined)
    throw new StepError("permanent", "BACKUP_TAKE", "the manifest of the new backup names no WAL");
  return { startLsn: formatLsn(first.startLsn), stopLsn: formatLsn(last.endLsn), timeline: last.timeline };
}

async function measure(dir: string): Promise<Pick<TakenBackup, "files" | "bytes">> {
  let files = 0;
  let bytes = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return { files, bytes };
}
