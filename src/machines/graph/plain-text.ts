/** Control, format (bidirectional ones among them), surrogate, private and line-breaking characters. */
const NOT_DRAWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu;

/** Titles are other people's text: one line, nothing that a terminal or a renderer would act on, at most `max` characters. */
export function plainText(text: string, max = 120): string {
  const line = text.toWellFormed().replaceAll(NOT_DRAWN, " ").replaceAll(/\s+/gu, " ").trim();
  const characters = Array.from(line);
  return characters.length <= max ? line : `${characters.slice(0, max - 1).join("")}…`;
}
