import { crc32c } from "@node-rs/crc32";
import { createHash } from "node:crypto";
import type { ChecksumAlgorithm } from "../../formats/postgres/backup-manifest.ts";

export interface Digest {
  update(bytes: Uint8Array): void;
  /** Lower-case hexadecimal, as a manifest writes it. */
  hex(): string;
}

/** Null for `NONE`. */
export function createDigest(algorithm: ChecksumAlgorithm): Digest | null {
  if (algorithm === "NONE") return null;
  if (algorithm === "CRC32C") return crcDigest();
  const hash = createHash(algorithm.toLowerCase());
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => hash.digest("hex"),
  };
}

/** The manifest holds the four bytes of the CRC as they lie in memory, little end first. */
function crcDigest(): Digest {
  let crc = 0;
  return {
    update: (bytes) => {
      crc = crc32c(bytes, crc);
    },
    hex: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(crc >>> 0);
      return bytes.toString("hex");
    },
  };
}
