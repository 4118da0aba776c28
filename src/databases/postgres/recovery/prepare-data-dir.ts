import { lstat, rename } from "node:fs/promises";
import { StepError } from "../../../drills/step-error.ts";
import { type ControlFile, readControlFile } from "../../../formats/postgres/control-file.ts";
import type { RecoverRequest } from "../../../steps/ports/postgres.ts";
import { HeldFolder } from "../held-folder.ts";
import { readPlainFile } from "../plain-file.ts";
import { signalFile } from "./server-config.ts";

/** PG_CONTROL_FILE_SIZE (pg_control.h). */
const CONTROL_FILE_BYTES = 8192;

/** Left over from the server that the backup was taken of, or from an earlier recovery. */
const STALE = [
  "postmaster.pid",
  "postmaster.opts",
  "standby.signal",
  "recovery.signal",
  "promote",
  "backup_label.old",
  "tablespace_map.old",
  "recovery.conf",
] as const;

/**
 * Makes a copied data directory one that recovers as we want: only our signal file, no slot of the source (a logical one
 * would refuse to start, a physical one would hold WAL), and none of its `ALTER SYSTEM` settings. The folder belongs to the
 * user that servers run as, and we may be root: nothing here follows a link, in no part of a path.
 */
export async function prepareDataDir(request: RecoverRequest, saysThatItWaits: boolean): Promise<ControlFile> {
  const { dataDir, sandbox } = request;
  await using data = await HeldFolder.open(dataDir).catch((error: unknown) => noCluster(dataDir, error));
  const control = readControlFile(await readControl(data, dataDir));
  await requireMajor(data, request);
  await requireLabel(data, control);
  for (const name of STALE) await data.remove(name);
  await data.makeEmpty("pg_replslot", sandbox);
  await replaceAutoConf(data, request);
  await data.write(signalFile(request, saysThatItWaits), "", sandbox, 0o600);
  await data.give(sandbox, 0o700);
  return control;
}

async function readControl(data: HeldFolder, dataDir: string): Promise<Buffer> {
  try {
    await using global = await data.folder("global");
    return await readPlainFile(global.path("pg_control"), CONTROL_FILE_BYTES);
  } catch (error) {
    return noCluster(dataDir, error);
  }
}

function noCluster(dataDir: string, cause: unknown): never {
  throw new StepError(
    "subject",
    "RESTORE_NO_CLUSTER",
    `${dataDir} has no global/pg_control: the backup is not a PostgreSQL cluster`,
    { cause },
  );
}

async function requireMajor(data: HeldFolder, { binaries }: RecoverRequest): Promise<void> {
  const text = await readPlainFile(data.path("PG_VERSION"), 64).catch(() => "");
  const version = text.toString().trim();
  if (version === String(binaries.major)) return;
  throw new StepError(
    "permanent",
    "PG_BINARIES",
    `the backup was written by PostgreSQL ${version || "of an unknown version"}, the server is ${binaries.version}`,
    {
      hint: `install PostgreSQL ${version}, or name its folder with --pg-bin`,
    },
  );
}

/** Without a label the server believes the control file and opens a torn copy as if nothing were wrong (manual: 25.3.4). */
async function requireLabel(data: HeldFolder, control: ControlFile): Promise<void> {
  if ((await lstat(data.path("backup_label")).catch(() => null)) !== null) return;
  if (control.state === "shut down" || control.state === "shut down in recovery") return;
  throw new StepError(
    "subject",
    "RESTORE_NO_LABEL",
    `the backup has no backup_label and its cluster was "${control.state}": opened like this it would be silently corrupt`,
    {
      hint: "take the backup with pg_basebackup, or keep the label that pg_backup_stop gives",
    },
  );
}

/** Kept beside for whoever wants to know what the source had set. */
async function replaceAutoConf(data: HeldFolder, { sandbox }: RecoverRequest): Promise<void> {
  const name = "postgresql.auto.conf";
  await rename(data.path(name), data.path(`${name}.from-backup`)).catch(() => undefined);
  const text = `# Emptied by firedrill; the settings of the backup are in ${name}.from-backup\n`;
  await data.write(name, text, sandbox, 0o600);
}
