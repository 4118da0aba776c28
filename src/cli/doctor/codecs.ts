import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type DoctorRow, less, ok } from "./doctor-row.ts";

/** Each codec is tried: a native add-on for another platform loads no more than a missing one. */
export async function codecRows(): Promise<readonly DoctorRow[]> {
  const sample = Buffer.from("firedrill ".repeat(20));
  const codecs: readonly (readonly [string, () => Promise<Buffer>])[] = [
    ["gzip", async () => gunzipSync(gzipSync(sample))],
    ["zstd", async () => zstdDecompressSync(zstdCompressSync(sample))],
    [
      "lz4",
      async () => {
        const { compressSync, uncompressSync } = await import("lz4-napi");
        return uncompressSync(compressSync(sample));
      },
    ],
  ];
  return Promise.all(codecs.map(([name, roundTrip]) => tryCodec(name, sample, roundTrip)));
}

async function tryCodec(name: string, sample: Buffer, roundTrip: () => Promise<Buffer>): Promise<DoctorRow> {
  const back = await roundTrip().catch(() => null);
  if (back?.equals(sample) === true) return ok(name, "reads backups compressed with it");
  return less(name, "does not work", `backups compressed with ${name} cannot be read; run npm ci again`);
}
