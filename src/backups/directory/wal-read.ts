import { readDecompressed, readHead } from "./decompress.ts";
import { readAt } from "./read-source.ts";
import { readTar } from "./tar-walk.ts";
import type { WalFile } from "./wal-index.ts";

/** First bytes of a WAL file, wherever it is. */
export async function readWalHead(file: WalFile, length: number, signal: AbortSignal): Promise<Buffer> {
  if (file.inTar === null) return await readHead(file.path, file.compression, length, signal);
  if (file.compression === "none")
    return (await readAt(file.path, file.inTar.position, length)).subarray(0, file.sizeBytes);
  return await headInArchive(file, file.inTar.position, length, signal);
}

/** Of a compressed archive, whose content comes in chunks as they fall; no more of it is kept than is asked for. */
async function headInArchive(file: WalFile, position: number, length: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let seen = 0;
  await readTar({ path: file.path, compression: file.compression }, signal, async (member) => {
    if (member.position !== position) return "continue";
    for await (const chunk of member.content) {
      chunks.push(chunk);
      seen += chunk.length;
      if (seen >= length) break;
    }
    return "stop";
  });
  return Buffer.concat(chunks).subarray(0, length);
}

/** Content of a small WAL file (a history file) as text; at most `maxBytes`. */
export async function readWalText(file: WalFile, maxBytes: number, signal: AbortSignal): Promise<string> {
  if (file.inTar === null) return (await readHead(file.path, file.compression, maxBytes, signal)).toString("utf8");
  return (await readWalHead(file, Math.min(maxBytes, file.sizeBytes), signal)).toString("utf8");
}

/** Whole content, decompressed. */
export async function* readWal(file: WalFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (file.inTar === null) {
    yield* readDecompressed(file.path, file.compression, signal);
    return;
  }
  const { position } = file.inTar;
  const chunks: Buffer[] = [];
  await readTar({ path: file.path, compression: file.compression }, signal, async (member) => {
    if (member.position !== position) return "continue";
    for await (const chunk of member.content) chunks.push(Buffer.from(chunk));
    return "stop";
  });
  yield* chunks;
}
