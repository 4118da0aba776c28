import type { JsonValue } from "../support/json.ts";

/**
 * A YAML document as we read it: values with where they stand, nothing of anchors, tags and styles. `tainted` nodes
 * had a fault of their own: later rules do not complain about them again.
 */
export type YamlNode = YamlMap | YamlList | YamlScalar;

export interface YamlMap {
  readonly kind: "map";
  readonly offset: number;
  readonly tainted: boolean;
  readonly entries: ReadonlyMap<string, YamlEntry>;
}

export interface YamlEntry {
  readonly keyOffset: number;
  readonly value: YamlNode;
}

export interface YamlList {
  readonly kind: "list";
  readonly offset: number;
  readonly tainted: boolean;
  readonly items: readonly YamlNode[];
}

export interface YamlScalar {
  readonly kind: "scalar";
  readonly offset: number;
  readonly tainted: boolean;
  readonly value: string | number | boolean | null;
  /** Where the text itself begins when it stands there character for character; null for escapes and folded text. */
  readonly textOffset: number | null;
}

export type Path = readonly (string | number)[];

/** As plain JSON. Own properties only, also for names such as `toString`. */
export function toJson(node: YamlNode): JsonValue {
  switch (node.kind) {
    case "map":
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toJson(entry.value)]));
    case "list":
      return node.items.map(toJson);
    case "scalar":
      return node.value;
    default:
      return node satisfies never;
  }
}

export interface Place {
  /** The node at the path, or undefined when the path leaves the document. */
  readonly node: YamlNode | undefined;
  /** Offset of the node's key, of the node where it has none, or of the nearest that is there. */
  readonly keyOffset: number;
  readonly valueOffset: number;
  /** True when the node or one on the way to it had a fault of its own. */
  readonly tainted: boolean;
}

export function place(root: YamlNode, path: Path): Place {
  let node: YamlNode = root;
  let keyOffset = root.offset;
  let tainted = root.tainted;
  for (const segment of path) {
    const next = child(node, segment);
    if (next === undefined) return { node: undefined, keyOffset, valueOffset: keyOffset, tainted };
    node = next.value;
    keyOffset = next.keyOffset;
    tainted ||= node.tainted;
  }
  return { node, keyOffset, valueOffset: node.offset, tainted };
}

function child(node: YamlNode, segment: string | number): YamlEntry | undefined {
  if (node.kind === "map") return node.entries.get(String(segment));
  if (node.kind !== "list" || typeof segment !== "number") return undefined;
  const item = node.items[segment];
  return item === undefined ? undefined : { keyOffset: item.offset, value: item };
}

/** Offset of a character of a scalar, as near as its spelling allows. */
export function offsetInside(node: YamlNode | undefined, index: number): number | undefined {
  if (node?.kind !== "scalar" || node.textOffset === null) return undefined;
  return node.textOffset + index;
}
