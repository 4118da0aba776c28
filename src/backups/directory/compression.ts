import type { BackupRef } from "../../drills/backup-ref.ts";

export type Compression = BackupRef["compression"];

const SUFFIXES: Readonly<Record<string, Compression>> = {
  ".gz": "gzip",
  ".lz4": "lz4",
  ".zst": "zstd",
};

/** Name without the compression's suffix, and which it is. */
export function splitCompression(name: string): { readonly name: string; readonly compression: Compression } {
  for (const [suffix, compression] of Object.entries(SUFFIXES)) {
    if (name.endsWith(suffix)) return { name: name.slice(0, -suffix.length), compression };
  }
  return { name, compression: "none" };
}
