import { readdir, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { StepError } from "../../drills/step-error.ts";
import { errorCode } from "./error-code.ts";

/** A file of pages below a data directory. */
export interface RelationFile {
  /** Relative to the data directory. */
  readonly path: string;
  /** 0 for the first gigabyte, counted by the suffix. */
  readonly segment: number;
}

/** Relation forks and their segments (manual: 66.1). Other files of these folders have no page checksums. */
const PAGES = /^\d+(?:_(?:fsm|vm|init))?(?:\.(\d+))?$/u;

/** Every file with pages, tablespaces included. Error `CHECKSUMS_OUTSIDE`: a tablespace's link leads out of `root`. */
export async function relationFiles(dataDir: string, root: string): Promise<readonly RelationFile[]> {
  const folders = ["global", ...(await below(dataDir, "base")), ...(await tablespaceFolders(dataDir, root))];
  const files: RelationFile[] = [];
  for (const folder of folders) {
    for (const name of await names(join(dataDir, folder))) {
      const match = PAGES.exec(name);
      if (match !== null) files.push({ path: join(folder, name), segment: Number(match[1] ?? 0) });
    }
  }
  return files;
}

/** `pg_tblspc/<oid>/PG_<version>/<database>`: a folder may be shared by clusters of other versions, which have other names. */
async function tablespaceFolders(dataDir: string, root: string): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const space of await below(dataDir, "pg_tblspc")) {
    await requireInside(join(dataDir, space), root);
    for (const version of await below(dataDir, space)) {
      if (/\/PG_[^/]+$/u.test(version)) folders.push(...(await below(dataDir, version)));
    }
  }
  return folders;
}

async function requireInside(path: string, root: string): Promise<void> {
  const [real, realRoot] = await Promise.all([realpath(path), realpath(root)]);
  const way = relative(realRoot, real);
  if (way !== ".." && !way.startsWith(`..${sep}`)) return;
  throw new StepError("permanent", "CHECKSUMS_OUTSIDE", `the tablespace ${path} leads out of the sandbox, to ${real}`, {
    hint: "restore it with postgres/restore, which moves tablespaces into the sandbox",
  });
}

async function below(dataDir: string, folder: string): Promise<readonly string[]> {
  return (await names(join(dataDir, folder))).filter((name) => name !== "pgsql_tmp").map((name) => join(folder, name));
}

/** A database that was just dropped takes its folder with it. */
async function names(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch((error: unknown) => {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return [];
    throw error;
  });
}
