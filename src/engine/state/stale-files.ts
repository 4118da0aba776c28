import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** As `writeFileAtomic` names what it is about to put in place. */
const TEMPORARY = /^\.[0-9a-f]{12}\.tmp$/u;
/** Whoever writes one puts it in place within milliseconds; another process (`halt`, `approve`) may be at it now. */
const STALE_MS = 60_000;

/** See `StateFiles.removeStale`. */
export async function removeStale(folders: readonly string[], nowWallUs: number): Promise<void> {
  for (const folder of folders) {
    const systems = join(folder, "systems");
    const names = await readdir(systems).catch(() => []);
    for (const one of [folder, ...names.map((name) => join(systems, name))]) await removeStaleFiles(one, nowWallUs);
  }
}

/** Removes what a process that died left half written beside our documents. A folder that is not there has none. */
async function removeStaleFiles(folder: string, nowWallUs: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => TEMPORARY.test(each))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && nowWallUs / 1000 - found.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}
