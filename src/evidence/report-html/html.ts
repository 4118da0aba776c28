/**
 * Markup that is known to be safe. Everything else that enters a page goes through `escapeText`: names, messages and
 * values come from playbooks, backups and databases and are hostile until escaped.
 */
export interface Html {
  readonly kind: "html";
  readonly text: string;
}

export type HtmlValue = string | number | Html | readonly HtmlValue[] | null;

/** A tagged template whose values are escaped, unless they are `Html` already. Null gives nothing. */
export function markup(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const text = strings.reduce((whole, part, index) => whole + render(values[index - 1] ?? null) + part);
  return { kind: "html", text };
}

function render(value: HtmlValue): string {
  if (value === null) return "";
  if (typeof value === "string" || typeof value === "number") return escapeText(String(value));
  return isList(value) ? value.map(render).join("") : value.text;
}

const isList = (value: Html | readonly HtmlValue[]): value is readonly HtmlValue[] => Array.isArray(value);

/** Text that is a constant of this program. */
export function trusted(text: string): Html {
  return { kind: "html", text };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters, and what turns the direction of writing or cannot be seen: a line must read as it is. */
const DECEPTIVE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

export function escapeText(text: string): string {
  return visible(text).replaceAll(/[&<>"']/gu, (char) => ENTITIES[char] ?? "");
}

/** The same text with deceptive characters written out as `<U+202E>`. */
function visible(text: string): string {
  return text.replaceAll(
    DECEPTIVE,
    (char) => `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}

/** Shortened for a place of fixed width; whole code points. The full text belongs into a title beside it. */
export function shorten(text: string, length: number): string {
  const points = Array.from(text);
  return points.length <= length
    ? text
    : `${points
        .slice(0, length - 1)
        .join("")
        .trimEnd()}…`;
}
