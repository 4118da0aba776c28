import { createHash } from "node:crypto";
import { crc32c } from "@node-rs/crc32";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ManifestOptions {
  readonly systemIdentifier?: string;
  readonly walRange?: { readonly timeline: number; readonly start: string; readonly end: string };
  readonly algorithm?: "CRC32C" | "SHA256" | "NONE";
}

/** Writes a `backup_manifest` (version 2) for a plain backup as it lies on disk, as a server would. */
export function writeManifest(dir: string, options: ManifestOptions = {}): void {
  const files = listFiles(dir, "").filter(
    (path) => path !== "backup_manifest" && path !== "postgresql.auto.conf" && !path.startsWith("pg_wal/"),
  );
  const lines = files.map((path) => {
    const bytes = readFileSync(join(dir, path));
    const modified = statSync(join(dir, path)).mtime.toISOString().slice(0, 19).replace("T", " ");
    const algorithm = options.algorithm ?? "CRC32C";
    return `{ "Path": ${JSON.stringify(path)}, "Size": ${bytes.length}, "Last-Modified": "${modified} GMT"${algorithm === "NONE" ? "" : `, "Checksum-Algorithm": "${algorithm}", "Checksum": "${checksum(bytes, algorithm)}"`} }`;
  });
  const { walRange } = options;
  const range =
    walRange === undefined
      ? ""
      : `{ "Timeline": ${walRange.timeline}, "Start-LSN": "${walRange.start}", "End-LSN": "${walRange.end}" }`;
  const identifier =
    options.systemIdentifier === undefined ? "" : `"System-Identifier": ${options.systemIdentifier},\n`;
  const version = options.systemIdentifier === undefined ? 1 : 2;
  const body = `{ "PostgreSQL-Backup-Manifest-Version": ${version},\n${identifier}"Files": [\n${lines.join(",\n")}\n],\n"WAL-Ranges": [\n${range}\n],\n`;
  writeFileSync(join(dir, "backup_manifest"), sealManifest(body));
}

/** Adds the last line, the manifest's own checksum. */
export function sealManifest(body: string): string {
  return `${body}"Manifest-Checksum": "${createHash("sha256").update(body).digest("hex")}"}\n`;
}

function checksum(bytes: Buffer, algorithm: "CRC32C" | "SHA256"): string {
  if (algorithm === "SHA256") return createHash("sha256").update(bytes).digest("hex");
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32c(bytes));
  return crc.toString("hex");
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return listFiles(root, path);
    return entry.isFile() ? [path] : [];
  });
}
