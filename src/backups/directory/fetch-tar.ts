import { closeSync } from "node:fs";
import { writeWhole } from "./copy-file.ts";
import { hostileEntry } from "./completeness.ts";
import { isContentExcluded, isLeftOut } from "./exclusions.ts";
import type { FetchWork } from "./fetch-plain.ts";
import { runAll } from "./run-all.ts";
import { subjectError } from "./subject-error.ts";
import { nameFault, normalizeName } from "./tar-names.ts";
import { readTar, type TarFile, type TarMember } from "./tar-walk.ts";
import { writeError } from "./restore-target.ts";

/** An archive and the folder of the data directory its names are below of. */
interface Part extends TarFile {
  readonly prefix: string;
}

/** Unpacks base.tar, the tablespaces' archives and pg_wal.tar, checking while unpacking. */
export async function fetchTar(work: FetchWork): Promise<void> {
  const { tar } = work.anatomy;
  if (tar === null) return;
  const parts: Part[] = [{ ...tar.base, prefix: "" }];
  for (const [oid, part] of tar.tablespaces) parts.push({ ...part, prefix: `pg_tblspc/${oid}/` });
  if (tar.wal !== null) parts.push({ ...tar.wal, prefix: "pg_wal/" });
  await runAll(
    parts.map(
      (part) => async (signal) =>
        await readTar(part, signal, async (member) => await unpack(member, part, work, signal)),
    ),
    work.signal,
  );
}

async function unpack(member: TarMember, part: Part, work: FetchWork, signal: AbortSignal): Promise<"continue"> {
  signal.throwIfAborted();
  const { entry } = member;
  const name = normalizeName(entry.name);
  if (name === "" && entry.kind === "directory") return "continue";
  const fault = nameFault(name) ?? (entry.name.startsWith("/") ? "is absolute" : undefined);
  if (fault !== undefined) throw subjectError(hostileEntry(part.path, entry.name, fault));
  const path = part.prefix + name;
  switch (entry.kind) {
    case "directory":
      if (!isLeftOut(path) || isContentExcluded(path)) makeFolder(path, work);
      return "continue";
    case "file":
      if (!isLeftOut(path)) await unpackFile(member, path, work);
      return "continue";
    case "symlink":
      // pg_tblspc/<oid> is made anew, to where the tablespace is put.
      if (/^pg_tblspc\/\d{1,10}$/u.test(path)) return "continue";
      throw subjectError(
        hostileEntry(part.path, entry.name, `is a symbolic link to ${JSON.stringify(entry.linkName)}`),
      );
    case "hardlink":
      throw subjectError(hostileEntry(part.path, entry.name, `is a hard link to ${JSON.stringify(entry.linkName)}`));
    case "other":
      throw subjectError(hostileEntry(part.path, entry.name, "is a device or another special file"));
    default:
      return entry.kind satisfies never;
  }
}

function makeFolder(path: string, work: FetchWork): void {
  try {
    work.target.makeFolder(path);
  } catch (error) {
    throw writeError(error);
  }
}

async function unpackFile(member: TarMember, path: string, work: FetchWork): Promise<void> {
  const check = work.verification.begin(path, member.entry.sizeBytes);
  const fd = work.target.createFile(path);
  try {
    for await (const chunk of member.content) {
      check.update(chunk);
      writeWhole(fd, chunk);
      work.onBytes(chunk.length);
    }
  } finally {
    closeSync(fd);
  }
  check.end();
}
