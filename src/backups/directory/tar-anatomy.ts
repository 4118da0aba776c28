import { parseBackupLabel } from "../../formats/postgres/backup-label.ts";
import { readControlFile } from "../../formats/postgres/control-file.ts";
import type { Identity } from "./anatomy.ts";
import { parseMajor } from "./major.ts";
import { subjectError } from "./subject-error.ts";
import { parseTablespaceMap } from "./tablespace-map.ts";
import { normalizeName } from "./tar-names.ts";
import type { TarParts } from "./tar-parts.ts";
import { scanTar, type TarMember } from "./tar-walk.ts";

const WANTED = new Set(["backup_label", "tablespace_map", "PG_VERSION", "global/pg_control"]);
const SMALL_BYTES = 1024 * 1024;
/** pg_basebackup writes label and map first; a compressed archive is not read to its end for what may not be there. */
const MEMBERS_AFTER_LABEL = 64;

export async function readTarAnatomy(parts: TarParts, signal: AbortSignal): Promise<Identity> {
  const found = await collect(parts, signal);
  const label = found.get("backup_label");
  if (label === undefined) {
    throw subjectError({
      code: "BACKUP_NO_LABEL",
      message: `${parts.base.path} holds no backup_label: without it the server would start from a wrong position`,
    });
  }
  const version = found.get("PG_VERSION");
  const control = found.get("global/pg_control");
  if (parts.base.compression === "none") requireAll(parts, version, control);
  const map = found.get("tablespace_map");
  return {
    label: parseBackupLabel(label.toString("utf8")),
    major: version === undefined ? null : parseMajor(version.toString("latin1"), parts.base.path),
    control: control === undefined ? null : readControlFile(control),
    tablespaces: map === undefined ? [] : parseTablespaceMap(map.toString("utf8")),
    hasTablespaceMap: map !== undefined,
  };
}

function requireAll(parts: TarParts, version: Buffer | undefined, control: Buffer | undefined): void {
  if (version === undefined)
    throw subjectError({ code: "BACKUP_NO_PG_VERSION", message: `${parts.base.path} holds no PG_VERSION` });
  if (control === undefined)
    throw subjectError({ code: "BACKUP_NO_CONTROL", message: `${parts.base.path} holds no global/pg_control` });
}

async function collect(parts: TarParts, signal: AbortSignal): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  let members = 0;
  await scanTar(parts.base, signal, async (member) => {
    const name = normalizeName(member.entry.name);
    if (member.entry.kind === "file" && WANTED.has(name) && !found.has(name))
      found.set(name, await readMember(member, parts.base.path));
    members += 1;
    if (found.size === WANTED.size) return "stop";
    const isEnough = parts.base.compression !== "none" && found.has("backup_label") && members >= MEMBERS_AFTER_LABEL;
    return isEnough ? "stop" : "continue";
  });
  return found;
}

async function readMember(member: TarMember, path: string): Promise<Buffer> {
  if (member.entry.sizeBytes > SMALL_BYTES) {
    throw subjectError({
      code: "BACKUP_FILE_SIZE",
      message: `${path}: ${member.entry.name} has ${member.entry.sizeBytes} bytes, at most ${SMALL_BYTES} are expected`,
    });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of member.content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
