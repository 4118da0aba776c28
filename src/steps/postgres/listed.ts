import { printable } from "../../support/printable.ts";

const MAX_NAMED = 8;

/** `a; b; and 4 more`: the first few findings, made safe to show. */
export function listed(texts: readonly string[]): string {
  const named = texts.slice(0, MAX_NAMED).map((text) => printable(text, 300));
  return texts.length > MAX_NAMED ? `${named.join("; ")}; and ${texts.length - MAX_NAMED} more` : named.join("; ");
}
