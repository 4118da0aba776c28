/**
 * Text of strangers, made safe to print: control, bidirectional and invisible characters become `\u{...}` so that a
 * message can neither move the cursor nor read other than it is, and length is capped.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const MAX_SHOWN = 80;

export function printable(text: string, max: number = MAX_SHOWN): string {
  const cut = text.length > max ? `${text.slice(0, max)}...` : text;
  return cut.replaceAll(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A value for a message: strings quoted, collections named by what they are, never printed in full. */
export function show(value: unknown): string {
  if (typeof value === "string") return `"${printable(value)}"`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (value === null || value === undefined) return "empty";
  if (typeof value === "object") return "a map";
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
    return printable(`${value}`);
  return typeof value;
}

/** What a person would call the type of a YAML value, with the value where that is short. */
export function showType(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `the text ${show(value)}`;
    case "number":
      return `the number ${show(value)}`;
    case "boolean":
      return show(value);
    default:
      return show(value);
  }
}
