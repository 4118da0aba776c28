import type { Plan } from "../../drills/plan.ts";
import { type PictureArrow, type PictureGroup, type PictureNode, pictureOf } from "./picture.ts";

/** A Mermaid flowchart (mermaid.js.org/syntax/flowchart.html), ends with a line break. */
export function toMermaid(plan: Plan): string {
  const picture = pictureOf(plan);
  const lines = [
    "flowchart TB",
    `  %% ${escapeMermaid(picture.title)}`,
    ...picture.nodes.map((node) => `  ${nodeText(node)}`),
    ...picture.groups.flatMap((group) => groupLines(group)),
    ...picture.arrows.map((arrow) => `  ${arrowText(arrow)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function groupLines(group: PictureGroup): readonly string[] {
  return [
    `  subgraph ${group.id}["${escapeMermaid(group.label)}"]`,
    ...group.nodes.map((node) => `    ${nodeText(node)}`),
    ...group.arrows.map((arrow) => `    ${arrowText(arrow)}`),
    "  end",
  ];
}

function nodeText({ id, lines, kind }: PictureNode): string {
  const label = `"${lines.map((line) => escapeMermaid(line)).join("<br/>")}"`;
  switch (kind) {
    case "state":
      return `${id}(${label})`;
    case "end":
      return `${id}([${label}])`;
    case "step":
      return `${id}[${label}]`;
    case "guarded-step":
      return `${id}{{${label}}}`;
    default:
      return kind satisfies never;
  }
}

function arrowText({ from, to, label, kind }: PictureArrow): string {
  const line = kind === "order" ? "-.->" : "-->";
  return label === "" ? `${from} ${line} ${to}` : `${from} ${line}|"${escapeMermaid(label)}"| ${to}`;
}

/** Everything but letters, digits and harmless marks as a character code: no text can end a label or begin markup. */
function escapeMermaid(text: string): string {
  return Array.from(text, (character) =>
    /[\p{L}\p{N} .,:/_-]/u.test(character) ? character : `#${character.codePointAt(0)};`,
  ).join("");
}
