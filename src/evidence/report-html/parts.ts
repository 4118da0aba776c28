import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html, type HtmlValue } from "./html.ts";

/** Small pieces that several sections of the report share. */

export type Tone = "ok" | "bad" | "warn" | "idle";

/** Each state has a sign of its own, so that nothing is told by colour alone. */
const SIGNS: Readonly<Record<Tone, string>> = { ok: "✓", bad: "✕", warn: "!", idle: "–" };

export function badge(tone: Tone, text: string): Html {
  return markup`<span class="badge ${tone}"><span class="sign" aria-hidden="true">${SIGNS[tone]}</span>${text}</span>`;
}

export function section(id: string, title: string, ...body: readonly HtmlValue[]): Html {
  return markup`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${body}
</section>
`;
}

export interface Column {
  readonly title: string;
  readonly numeric?: boolean;
}

/** The first cell of a row is its header. Wide tables scroll in their own box. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly HtmlValue[])[]): Html {
  const cell = (value: HtmlValue, index: number): Html => {
    if (index === 0) return markup`<th scope="row">${value}</th>`;
    return columns[index]?.numeric === true ? markup`<td class="num">${value}</td>` : markup`<td>${value}</td>`;
  };
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ title, numeric }) => (numeric === true ? markup`<th scope="col" class="num">${title}</th>` : markup`<th scope="col">${title}</th>`))}</tr></thead>
<tbody>
${rows.map((row) => markup`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>
`;
}

export function pairs(items: readonly (readonly [string, HtmlValue])[]): Html {
  return markup`<dl class="pairs">${items.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>
`;
}

export const code = (text: string): Html => markup`<code>${text}</code>`;
export const small = (text: HtmlValue): Html => markup`<small>${text}</small>`;

type Absent = { readonly status: "not_measured" | "not_applicable"; readonly reason: string };
type Measured = { readonly status: "measured"; readonly text: string };

/** A number or, in words, why there is none; never a zero in its place. */
export function measuredOr(value: Measured | Absent): Html {
  if (value.status === "measured") return markup`<strong>${value.text}</strong>`;
  return markup`${value.status === "not_measured" ? "not measured" : "not applicable"}<br>${small(value.reason)}`;
}

/** Where an instant lies from T0, or from the run's begin where there is no T0. */
export function offset(result: RunResult, atUs: number | null): string {
  if (atUs === null) return "–";
  const relative = atUs - originUs(result);
  const sign = relative < 0 ? "−" : "+";
  return `${sign}${formatDurationUs(Math.abs(relative))}`;
}

export function originUs(result: RunResult): number {
  const T0 = result.marks.find((mark) => mark.mark === "T0");
  return T0?.status === "measured" ? T0.atUs : 0;
}
