import { FormatError } from "../../formats/postgres/format-error.ts";

/** One member of a tar archive as its header says; nothing about it is trusted. */
export interface TarEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "other";
  readonly sizeBytes: number;
  readonly linkName: string;
}

/** What a 512-byte block is (POSIX.1 ustar; GNU long names; pax extended headers). */
export type TarBlock =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  /** Its content describes the entry that follows. */
  | { readonly kind: "extension"; readonly of: "gnu-name" | "gnu-link" | "pax" | "ignored"; readonly sizeBytes: number }
  | { readonly kind: "end" };

export interface TarOverrides {
  readonly name?: string;
  readonly linkName?: string;
  readonly sizeBytes?: number;
}

export const TAR_BLOCK = 512;
/** Names and pax records are short; an archive that says otherwise is hostile. */
export const EXTENSION_MAX_BYTES = 1024 * 1024;

const KINDS: Readonly<Record<string, TarEntry["kind"]>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};
const EXTENSIONS: Readonly<Record<string, "gnu-name" | "gnu-link" | "pax" | "ignored">> = {
  L: "gnu-name",
  K: "gnu-link",
  x: "pax",
  g: "ignored",
};

/** Throws `TAR_HEADER`. */
export function readTarHeader(block: Buffer, overrides: TarOverrides): TarBlock {
  if (block.every((byte) => byte === 0)) return { kind: "end" };
  checkSum(block);
  const type = String.fromCharCode(block.readUInt8(156));
  const sizeBytes = overrides.sizeBytes ?? readNumber(block, 124, 12);
  const extension = EXTENSIONS[type];
  if (extension !== undefined) {
    if (sizeBytes > EXTENSION_MAX_BYTES)
      throw new FormatError("TAR_HEADER", `an extended header of ${sizeBytes} bytes`);
    return { kind: "extension", of: extension, sizeBytes };
  }
  const kind = KINDS[type] ?? "other";
  const name = overrides.name ?? fullName(block);
  const isFile = kind === "file" && !name.endsWith("/");
  return {
    kind: "entry",
    entry: {
      name,
      kind: kind === "file" && !isFile ? "directory" : kind,
      sizeBytes: kind === "file" ? sizeBytes : 0,
      linkName: overrides.linkName ?? text(block, 157, 100),
    },
  };
}

/** `path`, `linkpath` and `size` of a pax record list: `length key=value\n`. */
export function readPax(content: Buffer): TarOverrides {
  const overrides: { name?: string; linkName?: string; sizeBytes?: number } = {};
  for (let offset = 0; offset < content.length;) {
    const space = content.indexOf(0x20, offset);
    const length = Number(content.toString("latin1", offset, Math.max(space, offset)));
    if (space < 0 || !Number.isInteger(length) || length < 5 || offset + length > content.length) break;
    const record = content.toString("utf8", space + 1, offset + length - 1);
    const equals = record.indexOf("=");
    const value = record.slice(equals + 1);
    if (record.startsWith("path=")) overrides.name = value;
    if (record.startsWith("linkpath=")) overrides.linkName = value;
    if (record.startsWith("size=") && /^\d{1,15}$/u.test(value)) overrides.sizeBytes = Number(value);
    offset += length;
  }
  return overrides;
}

export function readLongName(content: Buffer): string {
  const end = content.indexOf(0);
  return content.toString("utf8", 0, end < 0 ? content.length : end);
}

export function paddingAfter(sizeBytes: number): number {
  return (TAR_BLOCK - (sizeBytes % TAR_BLOCK)) % TAR_BLOCK;
}

function checkSum(block: Buffer): void {
  const stated = readNumber(block, 148, 8);
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== stated)
    throw new FormatError("TAR_HEADER", `a header that does not match its checksum (expected ${stated}, seen ${sum})`);
}

/** Octal text, or base 256 with the top bit of the first byte set (sizes over 8 GiB). */
function readNumber(block: Buffer, offset: number, length: number): number {
  const [first = 0] = block.subarray(offset, offset + 1);
  if ((first & 0x80) !== 0) {
    const value = block.subarray(offset + 1, offset + length).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
    if (Number.isSafeInteger(value)) return value;
    throw new FormatError("TAR_HEADER", "a number too large to be a size");
  }
  const digits = text(block, offset, length).trim();
  if (!/^[0-7]*$/u.test(digits))
    throw new FormatError("TAR_HEADER", `a number that is not octal: ${JSON.stringify(digits)}`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function fullName(block: Buffer): string {
  const name = text(block, 0, 100);
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? text(block, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}
