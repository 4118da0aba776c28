import type { Plan } from "../../drills/plan.ts";
import { type PictureArrow, type PictureGroup, type PictureNode, pictureOf } from "./picture.ts";

/** A Graphviz digraph (graphviz.org/doc/info/lang.html), ends with a line break. */
export function toDot(plan: Plan): string {
  const picture = pictureOf(plan);
  const lines = [
    "digraph drill {",
    `  graph [label=${quote([picture.title])}, labelloc=t, fontname="sans-serif"];`,
    '  node [fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    ...picture.nodes.map((node) => `  ${nodeText(node)}`),
    ...picture.groups.flatMap((group) => groupLines(group)),
    ...picture.arrows.map((arrow) => `  ${arrowText(arrow)}`),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function groupLines(group: PictureGroup): readonly string[] {
  return [
    `  subgraph cluster_${group.id} {`,
    `    label=${quote([group.label])};`,
    ...group.nodes.map((node) => `    ${nodeText(node)}`),
    ...group.arrows.map((arrow) => `    ${arrowText(arrow)}`),
    "  }",
  ];
}

const SHAPES: Readonly<Record<PictureNode["kind"], string>> = {
  state: "shape=box, style=rounded",
  end: "shape=box, style=rounded, peripheries=2",
  step: "shape=box",
  "guarded-step": "shape=hexagon",
};

function nodeText({ id, lines, kind }: PictureNode): string {
  return `${id} [label=${quote(lines)}, ${SHAPES[kind]}];`;
}

function arrowText({ from, to, label, kind }: PictureArrow): string {
  const attributes = [
    ...(label === "" ? [] : [`label=${quote([label])}`]),
    ...(kind === "order" ? ["style=dashed"] : []),
  ];
  return attributes.length === 0 ? `${from} -> ${to};` : `${from} -> ${to} [${attributes.join(", ")}];`;
}

/** In labels a backslash begins an escape (`\N` is the node's name), so it is doubled; `&` begins an HTML entity. */
function quote(lines: readonly string[]): string {
  const escaped = lines.map((line) => line.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("&", "&amp;"));
  return `"${escaped.join("\\n")}"`;
}
