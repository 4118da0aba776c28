import { glob } from "node:fs/promises";
import { delimiter } from "node:path";

/** Where distributions and their packages put servers; a star stands for the version. */
const SYSTEM_FOLDERS = [
  "/usr/lib/postgresql/*/bin",
  "/usr/lib/postgresql*/bin",
  "/usr/libexec/postgresql*",
  "/usr/pgsql-*/bin",
  "/usr/local/pgsql*/bin",
  "/opt/postgresql*/bin",
  "/opt/postgresql/*/bin",
  "/opt/pgsql*/bin",
  "/opt/homebrew/opt/postgresql@*/bin",
  "/usr/local/opt/postgresql@*/bin",
] as const;

/** Newest version first, so that an unspecific question gets the newest server. */
export async function systemFolders(patterns: readonly string[] = SYSTEM_FOLDERS): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pattern of patterns) {
    const matches = await Array.fromAsync(glob(pattern));
    found.push(...matches.toSorted((a, b) => b.localeCompare(a, "en", { numeric: true })));
  }
  return found;
}

/** Folders of a `PATH`; relative ones (and the empty one, which means the working directory) are not looked at. */
export function pathFolders(path: string): readonly string[] {
  return path.split(delimiter).filter((folder) => folder.startsWith("/"));
}
