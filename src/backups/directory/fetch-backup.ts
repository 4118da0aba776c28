import { join } from "node:path";
import type { BackupRef } from "../../drills/backup-ref.ts";
import type { Transfer } from "../../drills/facts.ts";
import { readControlFile } from "../../formats/postgres/control-file.ts";
import type { FetchTarget, Watch } from "../../steps/ports/backup-source.ts";
import type { Clock } from "../../support/clock.ts";
import { type Anatomy, readAnatomy } from "./anatomy.ts";
import { type FreeBytes, requireSpace } from "./disk-space.ts";
import { fetchPlain, type FetchWork, planPlain } from "./fetch-plain.ts";
import { fetchTar } from "./fetch-tar.ts";
import { readSmallFile } from "./read-source.ts";
import { RestoreTarget } from "./restore-target.ts";
import { subjectError } from "./subject-error.ts";
import { Verification } from "./verification.ts";

/** What of the machine a source uses. */
export interface Machine {
  readonly clock: Clock;
  readonly freeBytes: FreeBytes;
  /** Effective user id of this process. */
  readonly userId: number;
}

/** One pass over the data: copied, checked, given to the server's user. Nothing is synced: the server does that at its start. */
export async function fetchBackup(
  backup: BackupRef,
  into: FetchTarget,
  watch: Watch,
  machine: Machine,
): Promise<Transfer> {
  const begin = machine.clock.monoUs();
  const anatomy = await readAnatomy(backup.path, watch.signal);
  requireSame(anatomy, backup);
  const target = new RestoreTarget(into, machine.userId);
  const verification = new Verification(backup.path, anatomy.manifest);
  const tree = anatomy.tar === null ? await planPlain(anatomy, watch.signal) : null;
  const totalBytes = tree === null ? backup.sizeBytes : tree.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  await requireSpace(into.dir, totalBytes, machine.freeBytes);
  target.prepare();
  const work: FetchWork = { anatomy, target, verification, signal: watch.signal, onBytes: reporter(watch, totalBytes) };
  if (tree === null) await fetchTar(work);
  else await fetchPlain(tree, work);
  verification.requireAll();
  target.finish();
  await checkControl(into.dir, backup);
  return {
    kind: "transfer",
    method: anatomy.tar === null ? "copy" : `untar (${anatomy.tar.base.compression})`,
    bytes: verification.bytes,
    files: verification.files,
    durationUs: machine.clock.monoUs() - begin,
    verifiedFiles: verification.verifiedFiles,
    verifiedBytes: verification.verifiedBytes,
    checksum: algorithms(anatomy),
  };
}

function requireSame(anatomy: Anatomy, backup: BackupRef): void {
  if ((anatomy.manifest?.sha256 ?? null) === backup.manifestSha256) return;
  throw subjectError({
    code: "BACKUP_CHANGED",
    message: `${backup.path}: its manifest is not the one that was found there`,
    hint: "Find the backup again.",
  });
}

/** Seen again in the copy: in a compressed archive it could not be looked at before. */
async function checkControl(dir: string, backup: BackupRef): Promise<void> {
  const bytes = await readSmallFile(join(dir, "global", "pg_control"), 1024 * 1024);
  if (bytes === undefined)
    throw subjectError({ code: "BACKUP_NO_CONTROL", message: `${backup.path} holds no global/pg_control` });
  const version = await readSmallFile(join(dir, "PG_VERSION"), 64);
  if (version === undefined)
    throw subjectError({ code: "BACKUP_NO_PG_VERSION", message: `${backup.path} holds no PG_VERSION` });
  const control = readControlFile(bytes);
  if (backup.systemIdentifier === null || control.systemIdentifier === backup.systemIdentifier) return;
  throw subjectError({
    code: "WAL_FOREIGN_SYSTEM",
    message: `${backup.path} is of system ${control.systemIdentifier}, its WAL is of system ${backup.systemIdentifier}`,
    hint: "Backup and archive belong to different clusters: check `path:` and `wal:` in the inventory.",
  });
}

function algorithms(anatomy: Anatomy): string {
  const used = new Set(anatomy.manifest?.files.map((file) => file.checksum.algorithm));
  return used.size === 0 ? "NONE" : [...used].toSorted().join(", ");
}

const REPORT_BYTES = 4 * 1024 * 1024;

function reporter(watch: Watch, total: number): (bytes: number) => void {
  let done = 0;
  let reported = 0;
  return (bytes) => {
    done += bytes;
    if (done - reported < REPORT_BYTES && done !== total) return;
    reported = done;
    watch.progress({ what: "copy", done, total: Math.max(total, done), unit: "bytes" });
  };
}
