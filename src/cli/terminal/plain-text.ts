// Control characters (a title can bring its own escape sequences) and characters that reorder or hide text.
const UNSAFE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Hostile or long text as one safe line of at most `width` characters. */
export function oneLine(text: string, width = 400): string {
  const clean = text.replaceAll(/\s+/gu, " ").replaceAll(UNSAFE, "�").trim();
  return clean.length <= width ? clean : `${clean.slice(0, Math.max(1, width - 1))}…`;
}
