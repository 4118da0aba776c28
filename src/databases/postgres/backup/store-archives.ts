import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { StepError } from "../../../drills/step-error.ts";
import type { BackupMessage } from "./copy-protocol.ts";
import { type Unpacked, unpackTar } from "./unpack-tar.ts";

/** Where one archive or the manifest is going. */
interface Sink {
  readonly stream: Writable;
  readonly done: Promise<Unpacked>;
}

/** Writes the messages of a backup below `dir`: each archive as a file, or unpacked; the manifest as `backup_manifest`. */
export async function storeArchives(
  messages: AsyncIterable<BackupMessage>,
  dir: string,
  format: "plain" | "tar",
  progress: (doneBytes: number) => void,
): Promise<Unpacked> {
  const parts: Unpacked[] = [];
  let sink: Sink | null = null;
  try {
    for await (const message of messages) {
      if (message.kind === "progress") progress(message.doneBytes);
      else if (message.kind === "data") await write(sink, message.bytes);
      else {
        if (sink !== null) parts.push(await close(sink));
        sink =
          message.kind === "manifest" ? fileSink(join(dir, "backup_manifest")) : archiveSink(dir, message.name, format);
      }
    }
    if (sink !== null) parts.push(await close(sink));
  } catch (error) {
    sink?.stream.destroy();
    await sink?.done.catch(() => undefined);
    throw error;
  }
  return parts.reduce((sum, part) => ({ files: sum.files + part.files, bytes: sum.bytes + part.bytes }), {
    files: 0,
    bytes: 0,
  });
}

function archiveSink(dir: string, name: string, format: "plain" | "tar"): Sink {
  if (!/^(?:base|\d{1,10})\.tar$/u.test(name))
    throw new StepError("subject", "BACKUP_TAKE", `the server sent an archive with the name ${JSON.stringify(name)}`);
  if (format === "tar") return fileSink(join(dir, name));
  if (name !== "base.tar") {
    throw new StepError(
      "permanent",
      "BACKUP_TABLESPACES",
      `the system has tablespaces; a plain backup cannot hold ${name}`,
      { hint: "take the backup with format: tar" },
    );
  }
  const stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  return settled(stream, unpackInto(stream, dir));
}

async function unpackInto(stream: Readable, dir: string): Promise<Unpacked> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return unpackTar(stream, dir);
}

function fileSink(path: string): Sink {
  const stream = createWriteStream(path, { mode: 0o600, flags: "wx", highWaterMark: 1024 * 1024 });
  return settled(
    stream,
    finished(stream).then(() => ({ files: 1, bytes: stream.bytesWritten })),
  );
}

/** A failure is seen by whoever writes or closes next; until then it must not count as unhandled. */
function settled(stream: Writable, done: Promise<Unpacked>): Sink {
  done.catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))));
  return { stream, done };
}

async function write(sink: Sink | null, bytes: Buffer): Promise<void> {
  if (sink === null) throw new StepError("subject", "BACKUP_TAKE", "the server sent data before it named an archive");
  if (sink.stream.write(bytes)) return;
  await Promise.race([once(sink.stream, "drain"), sink.done]);
}

async function close(sink: Sink): Promise<Unpacked> {
  sink.stream.end();
  return sink.done;
}
