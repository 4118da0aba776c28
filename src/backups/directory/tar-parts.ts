import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { lstatSync } from "node:fs";
import { splitCompression } from "./compression.ts";
import type { TarFile } from "./tar-walk.ts";

/** The archives of a backup in tar format: `base.tar`, `pg_wal.tar`, `<oid>.tar` per tablespace. */
export interface TarParts {
  readonly base: TarPart;
  readonly wal: TarPart | null;
  readonly tablespaces: ReadonlyMap<string, TarPart>;
}

export interface TarPart extends TarFile {
  readonly sizeBytes: number;
}

/** Undefined when the folder holds no `base.tar`, in any compression. */
export async function findTarParts(path: string): Promise<TarParts | undefined> {
  const parts = new Map<string, TarPart>();
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const { name, compression } = splitCompression(entry.name);
    if (!name.endsWith(".tar") || !entry.isFile()) continue;
    const full = join(path, entry.name);
    parts.set(name.slice(0, -4), { path: full, compression, sizeBytes: lstatSync(full).size });
  }
  const base = parts.get("base");
  if (base === undefined) return undefined;
  const tablespaces = new Map([...parts].filter(([name]) => /^\d{1,10}$/u.test(name)));
  return { base, wal: parts.get("pg_wal") ?? null, tablespaces };
}
