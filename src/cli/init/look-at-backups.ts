import { resolve } from "node:path";
import type { BackupRef } from "../../drills/backup-ref.ts";
import type { BackupLocation } from "../../drills/inventory.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { Drivers } from "../../wire.ts";
import { oneLine } from "../terminal/plain-text.ts";
import { findWalArchives, holdsSegments } from "./wal-archives.ts";

type Source = Drivers["source"];

/** What a folder of backups holds, and the archive that continues its newest backup. */
export interface LookedAt {
  readonly location: BackupLocation;
  /** Newest first; at least one. */
  readonly backups: readonly [BackupRef, ...BackupRef[]];
  readonly rejected: readonly { readonly path: string; readonly code: string; readonly reason: string }[];
  /** Archives that were found and not taken. */
  readonly otherArchives: readonly string[];
  /** Why the newest backup cannot be brought to the end of its WAL; empty when it can. */
  readonly problems: readonly string[];
}

/** Reads names, sizes and headers. Throws `INIT_NO_BACKUP`, `INIT_NO_WAL`. */
export async function lookAtBackups(
  source: Source,
  path: string,
  wal: string | null,
  signal: AbortSignal,
): Promise<LookedAt> {
  const archives = wal === null ? await findWalArchives(path, signal) : [await namedArchive(wal, signal)];
  const seen: LookedAt[] = [];
  for (const archive of archives.length === 0 ? [null] : archives) seen.push(await look(source, path, archive, signal));
  // Of several archives the first that brings the newest backup somewhere; a broken one is better than none.
  const best = seen.find(({ problems }) => problems.length === 0) ?? seen[0];
  if (best === undefined) throw noBackup(path, []);
  const rejected = best.rejected.filter((one) => !archives.includes(one.path));
  return { ...best, rejected, otherArchives: archives.filter((archive) => archive !== best.location.wal) };
}

async function namedArchive(wal: string, signal: AbortSignal): Promise<string> {
  if (await holdsSegments(wal, signal)) return resolve(wal);
  throw new FiredrillError("INIT_NO_WAL", `${wal} holds no WAL segment`, {
    hint: "name the folder that archive_command writes to, or leave --wal out",
  });
}

async function look(source: Source, path: string, wal: string | null, signal: AbortSignal): Promise<LookedAt> {
  const location: BackupLocation = { kind: "directory", path: resolve(path), wal };
  const { backups, rejected } = await source.list(location, signal);
  const [newest, ...older] = backups;
  if (newest === undefined) throw noBackup(path, rejected);
  const assessment = await source.assess(newest, { kind: "latest" }, "latest", signal);
  const problems =
    assessment.kind === "broken" ? assessment.problems.map(({ code, message }) => `${code} ${message}`) : [];
  return { location, backups: [newest, ...older], rejected, otherArchives: [], problems };
}

const MAX_LISTED = 20;

function noBackup(path: string, rejected: LookedAt["rejected"]): FiredrillError {
  const lines = rejected.slice(0, MAX_LISTED).map(({ code, reason }) => `\n  ${code} ${oneLine(reason)}`);
  const more = rejected.length > MAX_LISTED ? `\n  and ${rejected.length - MAX_LISTED} more` : "";
  return new FiredrillError("INIT_NO_BACKUP", `${path} holds no base backup${lines.join("")}${more}`, {
    hint: "name the folder that holds base backups (of pg_basebackup, plain or tar), or one of them",
    details: { rejected: rejected.map((one) => ({ ...one })) },
  });
}
