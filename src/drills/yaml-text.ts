import { sha256Hex } from "../support/canonical-json.ts";
import type { Fault } from "../support/errors.ts";

/** 1-based; columns count UTF-16 code units, as editors do. */
export interface Position {
  readonly line: number;
  readonly col: number;
}

/** A file a person wrote: its text without byte order mark, and how to say where something stands in it. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  /** Of the bytes as they are on disk (of the UTF-8 form, when it was handed over as text). */
  readonly sha256: string;
  position(offset: number): Position;
  fault(offset: number, code: string, message: string, hint?: string): Fault;
}

export interface SourceInput {
  readonly file: string;
  /** Bytes are decoded as UTF-8 here, strictly. */
  readonly text: string | Uint8Array;
}

export const MAX_SOURCE_BYTES = 1024 * 1024;

/** Decodes and checks what can be said before any parsing; with faults, nothing of the text can be trusted. */
export function readSource(input: SourceInput): { readonly source: SourceText; readonly faults: readonly Fault[] } {
  const bytes = typeof input.text === "string" ? Buffer.from(input.text, "utf8") : input.text;
  if (bytes.length > MAX_SOURCE_BYTES) {
    const source = makeSource(input.file, "", bytes);
    return {
      source,
      faults: [
        wholeFile(input.file, "YAML_TOO_LARGE", `file has ${bytes.length} bytes, over 1 MiB`, "split the playbook"),
      ],
    };
  }
  const source = makeSource(input.file, decode(input.text), bytes);
  return { source, faults: characterFaults(source) };
}

function wholeFile(file: string, code: string, message: string, hint: string): Fault {
  return { file, line: 0, col: 0, code, message, hint };
}

const BYTE_ORDER_MARK = "\uFEFF";

function decode(text: string | Uint8Array): string {
  const decoded = typeof text === "string" ? text : new TextDecoder("utf-8", { ignoreBOM: true }).decode(text);
  return decoded.startsWith(BYTE_ORDER_MARK) ? decoded.slice(1) : decoded;
}

function makeSource(file: string, text: string, bytes: Uint8Array): SourceText {
  const starts = lineStarts(text);
  const position = (offset: number): Position => {
    const index = lastAtOrBefore(starts, offset);
    return { line: index + 1, col: offset - (starts[index] ?? 0) + 1 };
  };
  return {
    file,
    text,
    sha256: sha256Hex(bytes),
    position,
    fault: (offset, code, message, hint) => ({
      file,
      ...position(offset),
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
    }),
  };
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Characters that print as something else than they are, or as nothing. Tab and line ends are allowed. */
const FORBIDDEN = /(?![\t\n])(?!\r\n)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\uFFFD]/gu;
const MAX_CHARACTER_FAULTS = 20;

export type CharacterFault = "YAML_ENCODING" | "YAML_CONTROL_CHARACTER" | "YAML_INVISIBLE_CHARACTER";

function characterFaults(source: SourceText): readonly Fault[] {
  const faults: Fault[] = [];
  for (const match of source.text.matchAll(FORBIDDEN)) {
    const { code, message, hint } = describeCharacter(match[0]);
    faults.push(source.fault(match.index, code, message, hint));
    if (faults.length === MAX_CHARACTER_FAULTS) break;
  }
  return faults;
}

/** First forbidden character of a value (it may come from an escape such as `"\u202E"`), or undefined. */
export function forbiddenCharacter(value: string) {
  FORBIDDEN.lastIndex = 0;
  const found = FORBIDDEN.exec(value);
  return found === null ? undefined : describeCharacter(found[0]);
}

function describeCharacter(char: string): {
  readonly code: CharacterFault;
  readonly message: string;
  readonly hint: string;
} {
  const point = char.codePointAt(0) ?? 0;
  const name = `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
  if (point === 0xff_fd || (point >= 0xd8_00 && point <= 0xdf_ff)) {
    return { code: "YAML_ENCODING", message: `text is not valid UTF-8 (${name})`, hint: "save the file as UTF-8" };
  }
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
    return { code: "YAML_CONTROL_CHARACTER", message: `control character ${name}`, hint: "remove it" };
  }
  const message = `invisible or direction-changing character ${name}`;
  return { code: "YAML_INVISIBLE_CHARACTER", message, hint: "remove it: the text reads other than it is" };
}
