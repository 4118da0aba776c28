import type { BackupLabel } from "../../formats/postgres/backup-label.ts";
import {
  type BackupManifest,
  MANIFEST_MAX_BYTES,
  parseBackupManifest,
} from "../../formats/postgres/backup-manifest.ts";
import type { ControlFile } from "../../formats/postgres/control-file.ts";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { readPlainAnatomy } from "./plain-anatomy.ts";
import { openSource } from "./read-source.ts";
import { errnoOf, subjectError } from "./subject-error.ts";
import type { TablespaceEntry } from "./tablespace-map.ts";
import { readTarAnatomy } from "./tar-anatomy.ts";
import { findTarParts, type TarParts } from "./tar-parts.ts";

/** What a base backup says about itself, in either format. */
export interface Anatomy {
  readonly path: string;
  readonly label: BackupLabel;
  readonly manifest: BackupManifest | null;
  /** Null for a compressed tar archive, where it is the last member. */
  readonly control: ControlFile | null;
  /** From PG_VERSION, else pg_control; null when only WAL could tell. */
  readonly major: number | null;
  readonly tablespaces: readonly TablespaceEntry[];
  /** True where a `tablespace_map` says them: then their paths are those on the primary. */
  readonly hasTablespaceMap: boolean;
  /** Null for the plain format. */
  readonly tar: TarParts | null;
}

/** Parts that both readers fill in. */
export type Identity = Pick<Anatomy, "label" | "control" | "major" | "tablespaces" | "hasTablespaceMap">;

/**
 * Reads the small files of a base backup. Throws `StepError("subject", ...)` or a `FormatError` with the code that
 * says why this folder is none: the codes of `docs/backups.md`.
 */
export async function readAnatomy(path: string, signal: AbortSignal): Promise<Anatomy> {
  const names = await readdir(path);
  if (names.length === 0) throw subjectError({ code: "BACKUP_EMPTY_DIRECTORY", message: `${path} is empty` });
  const manifest = await readManifest(join(path, "backup_manifest"));
  const tar = await findTarParts(path);
  const identity = tar === undefined ? await readPlainAnatomy(path, new Set(names)) : await readTarAnatomy(tar, signal);
  if (identity.label.incrementalFromLsn !== null) {
    throw subjectError({
      code: "BACKUP_INCREMENTAL",
      message: `${path} is an incremental backup: by itself it cannot be restored`,
      hint: "Combine it with its predecessors (pg_combinebackup), or drill a full backup.",
    });
  }
  return { path, manifest, tar: tar ?? null, ...identity };
}

async function readManifest(path: string): Promise<BackupManifest | null> {
  try {
    await using handle = await openSource(path);
    const { size } = await handle.stat();
    if (size > MANIFEST_MAX_BYTES) throw subjectError({ code: "MANIFEST_SIZE", message: `${path} has ${size} bytes` });
    return parseBackupManifest(await readFile(handle));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
