import { chmod, lstat, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import { type ControlFile, readControlFile } from "../../../formats/postgres/control-file.ts";
import type { RecoverRequest } from "../../../steps/ports/postgres.ts";
import type { Sandboxes } from "../../../steps/ports/sandbox.ts";
import { signalFile } from "./server-config.ts";

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
 * would refuse to start, a physical one would hold WAL), and none of its `ALTER SYSTEM` settings.
 */
export async function prepareDataDir(
  request: RecoverRequest,
  sandboxes: Pick<Sandboxes, "own">,
  saysThatItWaits: boolean,
): Promise<ControlFile> {
  const { dataDir } = request;
  const control = readControlFile(await readControl(dataDir));
  await requireMajor(request);
  await requireLabel(dataDir, control);
  for (const name of STALE) await rm(join(dataDir, name), { force: true });
  const slots = join(dataDir, "pg_replslot");
  for (const slot of await readdir(slots).catch(() => [])) await rm(join(slots, slot), { recursive: true });
  await replaceAutoConf(request, sandboxes);
  await writeOwned(request, sandboxes, join(dataDir, signalFile(request, saysThatItWaits)), "");
  await chmod(dataDir, 0o700);
  return control;
}

async function readControl(dataDir: string): Promise<Buffer> {
  return readFile(join(dataDir, "global/pg_control")).catch((error: unknown) => {
    throw new StepError(
      "subject",
      "RESTORE_NO_CLUSTER",
      `${dataDir} has no global/pg_control: the backup is not a PostgreSQL cluster`,
      { cause: error },
    );
  });
}

async function requireMajor({ dataDir, binaries }: RecoverRequest): Promise<void> {
  const version = (await readFile(join(dataDir, "PG_VERSION"), "utf8").catch(() => "")).trim();
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
async function requireLabel(dataDir: string, control: ControlFile): Promise<void> {
  if ((await lstat(join(dataDir, "backup_label")).catch(() => null)) !== null) return;
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
async function replaceAutoConf(request: RecoverRequest, sandboxes: Pick<Sandboxes, "own">): Promise<void> {
  const path = join(request.dataDir, "postgresql.auto.conf");
  await rename(path, `${path}.from-backup`).catch(() => undefined);
  await writeOwned(
    request,
    sandboxes,
    path,
    "# Emptied by firedrill; the settings of the backup are in postgresql.auto.conf.from-backup\n",
  );
}

async function writeOwned(
  request: RecoverRequest,
  sandboxes: Pick<Sandboxes, "own">,
  path: string,
  text: string,
): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: "wx" });
  await sandboxes.own(request.sandbox, path);
}
