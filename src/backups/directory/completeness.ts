import type { BackupManifest } from "../../formats/postgres/backup-manifest.ts";
import type { BackupProblem } from "../../steps/ports/backup-source.ts";
import type { Anatomy } from "./anatomy.ts";
import { isLeftOut, isUnverified } from "./exclusions.ts";
import { readPlainTree } from "./plain-tree.ts";
import { nameFault, normalizeName } from "./tar-names.ts";
import type { TarPart } from "./tar-parts.ts";
import { scanTar } from "./tar-walk.ts";
import { problemOf } from "./subject-error.ts";

/** What a look at names and sizes says. */
export interface Completeness {
  readonly problems: readonly BackupProblem[];
  readonly notes: readonly string[];
  /** What nothing checks before the server reads it. */
  readonly unchecked: readonly string[];
}

/** A damaged backup can lack thousands of files; the first say where to look. */
const SHOWN = 20;

/** Compares names and sizes with the manifest, as pg_verifybackup does. Pure. `present` is by path. */
export function compareWithManifest(
  manifest: BackupManifest,
  present: ReadonlyMap<string, number>,
  root: string,
): readonly BackupProblem[] {
  const problems: BackupProblem[] = [];
  const known = new Set<string>();
  for (const file of manifest.files) {
    known.add(file.path);
    if (isLeftOut(file.path) || isUnverified(file.path)) continue;
    const size = present.get(file.path);
    if (size === undefined) problems.push(missing(root, file.path));
    else if (size !== file.sizeBytes) problems.push(wrongSize(root, file.path, file.sizeBytes, size));
  }
  for (const path of present.keys()) if (!known.has(path) && !isUnverified(path)) problems.push(extra(root, path));
  return shorten(problems);
}

export function missing(root: string, path: string): BackupProblem {
  return {
    code: "BACKUP_FILE_MISSING",
    message: `${root}: ${path} is in the manifest but not in the backup`,
    hint: "The backup is not whole: restore an undamaged copy of it.",
  };
}

export function wrongSize(root: string, path: string, expected: number, seen: number): BackupProblem {
  return {
    code: "BACKUP_FILE_SIZE",
    message: `${root}: ${path} has ${seen} bytes, the manifest says ${expected}`,
    hint: "The file is truncated or was changed after the backup.",
  };
}

function extra(root: string, path: string): BackupProblem {
  return {
    code: "BACKUP_EXTRA_FILE",
    message: `${root}: ${path} is in the backup but not in its manifest`,
    hint: "Something wrote into the backup after it was taken; pg_verifybackup says the same.",
  };
}

function shorten(problems: readonly BackupProblem[]): readonly BackupProblem[] {
  const [first] = problems;
  if (first === undefined || problems.length <= SHOWN) return problems;
  return [
    ...problems.slice(0, SHOWN),
    { code: first.code, message: `and ${problems.length - SHOWN} more files are missing, short or unknown` },
  ];
}

type Look = Omit<Completeness, "unchecked">;

export async function checkCompleteness(anatomy: Anatomy, signal: AbortSignal): Promise<Completeness> {
  const look = anatomy.tar === null ? await checkPlain(anatomy, signal) : await checkTar(anatomy, signal);
  return { ...look, unchecked: uncheckedContent(anatomy.manifest) };
}

function uncheckedContent(manifest: BackupManifest | null): readonly string[] {
  if (manifest === null) return [NO_MANIFEST];
  const bare = manifest.files.filter(({ path, checksum }) => checksum.algorithm === "NONE" && !isLeftOut(path));
  if (bare.length === 0) return [];
  return [`backup_manifest has no checksum for ${bare.length} of ${manifest.files.length} files: ${CONTENT_UNCHECKED}`];
}

async function checkPlain(anatomy: Anatomy, signal: AbortSignal): Promise<Look> {
  const tree = await readPlainTree(anatomy.path, originalPaths(anatomy), signal);
  const present = new Map(tree.files.map((file) => [file.path, file.sizeBytes]));
  if (anatomy.manifest === null) {
    const essential = ["global/pg_filenode.map", "base/1/PG_VERSION"].filter((path) => !present.has(path));
    const problems = essential.map((path) => ({
      code: "BACKUP_FILE_MISSING",
      message: `${anatomy.path}: ${path}, which every cluster has, is missing`,
    }));
    return { problems: [...tree.problems, ...problems], notes: tree.notes };
  }
  return {
    problems: [...tree.problems, ...compareWithManifest(anatomy.manifest, present, anatomy.path)],
    notes: tree.notes,
  };
}

const CONTENT_UNCHECKED = "the content of files cannot be checked before the server reads them";
const NO_MANIFEST = `no backup_manifest: ${CONTENT_UNCHECKED}`;

/** Tablespace locations of the primary, only where a `tablespace_map` names them. */
export function originalPaths(anatomy: Anatomy): ReadonlyMap<string, string> {
  return new Map(anatomy.hasTablespaceMap ? anatomy.tablespaces.map(({ oid, path }) => [oid, path]) : []);
}

async function checkTar(anatomy: Anatomy, signal: AbortSignal): Promise<Look> {
  const { tar, manifest } = anatomy;
  if (tar === null) return { problems: [], notes: [] };
  const problems: BackupProblem[] = [...missingArchives(anatomy)];
  const parts: (readonly [string, TarPart])[] = [
    ["", tar.base],
    ...[...tar.tablespaces].map(([oid, part]) => [`pg_tblspc/${oid}/`, part] as const),
  ];
  const compressed = parts.filter(([, part]) => part.compression !== "none");
  for (const [, part] of parts)
    if (part.sizeBytes === 0) problems.push({ code: "BACKUP_TAR_TRUNCATED", message: `${part.path} has no bytes` });
  if (compressed.length > 0)
    return {
      problems,
      notes: [`${compressed.length} compressed archives: damage inside them is found while they are restored`],
    };
  const present = new Map<string, number>();
  for (const [prefix, part] of parts) problems.push(...(await scanPart(part, prefix, present, signal)));
  if (manifest !== null && problems.length === 0)
    problems.push(...compareWithManifest(manifest, present, anatomy.path));
  return { problems, notes: [] };
}

function missingArchives(anatomy: Anatomy): readonly BackupProblem[] {
  const wanted = new Set(anatomy.tablespaces.map(({ oid }) => oid));
  for (const { path } of anatomy.manifest?.files ?? []) {
    const oid = /^pg_tblspc\/(\d{1,10})\//u.exec(path)?.[1];
    if (oid !== undefined) wanted.add(oid);
  }
  const lacking = [...wanted].filter((oid) => anatomy.tar?.tablespaces.has(oid) !== true);
  return lacking.map((oid) => ({
    code: "BACKUP_TAR_MISSING",
    message: `${anatomy.path}: ${oid}.tar of tablespace ${oid} is missing`,
    hint: "Copy the whole folder that pg_basebackup wrote.",
  }));
}

async function scanPart(
  part: TarPart,
  prefix: string,
  present: Map<string, number>,
  signal: AbortSignal,
): Promise<readonly BackupProblem[]> {
  const problems: BackupProblem[] = [];
  try {
    await scanTar(part, signal, ({ entry }) => {
      const name = normalizeName(entry.name);
      if (entry.kind === "file" && nameFault(name) === undefined && !isLeftOut(prefix + name))
        present.set(prefix + name, entry.sizeBytes);
      const fault = name === "" ? undefined : nameFault(name);
      if (fault !== undefined) problems.push(hostileEntry(part.path, entry.name, fault));
      return "continue";
    });
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    problems.push(problem);
  }
  return problems;
}

export function hostileEntry(path: string, name: string, fault: string): BackupProblem {
  return {
    code: "BACKUP_TAR_ENTRY",
    message: `${path}: the entry ${JSON.stringify(name)} ${fault}`,
    hint: "A base backup's archive holds files and folders below the data directory only.",
  };
}
