/** Messages of BASE_BACKUP inside CopyData, servers from 15 on (manual: 55.4, BASE_BACKUP). */
export type BackupMessage =
  | { readonly kind: "archive"; readonly name: string; readonly tablespace: string }
  | { readonly kind: "manifest" }
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "progress"; readonly doneBytes: number };

/** `chunk` must be ours: pg-protocol reuses the buffer that it hands out. Undefined for a message of a later version. */
export function readBackupMessage(chunk: Buffer): BackupMessage | undefined {
  switch (chunk[0]) {
    case 0x64:
      return { kind: "data", bytes: chunk.subarray(1) };
    case 0x6e: {
      const [name = "", tablespace = ""] = chunk.toString("utf8", 1).split("\0");
      return { kind: "archive", name, tablespace };
    }
    case 0x6d:
      return { kind: "manifest" };
    case 0x70:
      return { kind: "progress", doneBytes: Number(chunk.readBigInt64BE(1)) };
    default:
      return undefined;
  }
}
