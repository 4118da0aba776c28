import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** As `writeFileAtomic` names what it is about to put in place. */
const TEMPORARY = /^\.[0-9a-f]{12}\.tmp$/u;
/** Whoever writes one puts it in place within milliseconds; another process (`halt`, `approve`) may be at it now. */
const STALE_MS = 60_000;

/** Removes what a process that died left half written beside our documents. A folder that is not there has none. */
export async function removeStaleFiles(folder: string, nowWallUs: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => TEMPORARY.test(each))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && nowWallUs / 1000 - found.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}

/** As `removeStaleFiles`, of the documents that belong to no run. */
export async function removeStaleDocuments(root: string, nowWallUs: number): Promise<void> {
  const systems = join(root, "systems");
  const names = await readdir(systems).catch(() => []);
  for (const folder of [root, ...names.map((name) => join(systems, name))]) await removeStaleFiles(folder, nowWallUs);
}
