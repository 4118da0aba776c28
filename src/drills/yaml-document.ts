import { Composer, isMap, isScalar, isSeq, type CST, type Document, type Pair } from "yaml";
import type { Fault } from "../support/errors.ts";
import { printable } from "../support/printable.ts";
import { resolvePlain } from "./yaml-scalar.ts";
import { forbiddenCharacter, readSource, type SourceInput, type SourceText } from "./yaml-text.ts";
import { MAX_DEPTH, readTokens, tooDeep } from "./yaml-tokens.ts";
import type { YamlEntry, YamlMap, YamlNode, YamlScalar } from "./yaml-tree.ts";

/** A file read: its tree, or null when it has none that could be trusted. Faults may stand beside a tree. */
export interface YamlDocument {
  readonly source: SourceText;
  readonly root: YamlNode | null;
  readonly faults: readonly Fault[];
}

/** Text to tree. Never throws for any input. */
export function readYaml(input: SourceInput): YamlDocument {
  const { source, faults } = readSource(input);
  if (faults.length > 0) return { source, root: null, faults };
  const tokens = readTokens(source);
  if (!tokens.complete) return { source, root: null, faults: tokens.faults };
  const { documents, errors } = compose(source, tokens.documents);
  const found = [...tokens.faults, ...errors];
  const [first, second] = documents;
  const several = found.some((fault) => fault.code === "YAML_MULTIPLE_DOCUMENTS");
  if (second !== undefined && !several) {
    found.push(
      source.fault(
        second.range[0],
        "YAML_MULTIPLE_DOCUMENTS",
        "a second document begins",
        "one file holds one document",
      ),
    );
  }
  // Half a document would only be told what it lacks.
  if (errors.length > 0 || several || second !== undefined) return { source, root: null, faults: found };
  if (first === undefined || isEmpty(first)) {
    return {
      source,
      root: null,
      faults: [
        ...found,
        source.fault(0, "YAML_EMPTY", "the document is empty", "see docs/playbook.md for a first one"),
      ],
    };
  }
  const builder = new TreeBuilder(source);
  const root = builder.node(first.contents, 1, first.range[0]);
  return { source, root, faults: [...found, ...builder.faults] };
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents } = document;
  return (
    contents === null ||
    (isScalar(contents) &&
      contents.type === "PLAIN" &&
      resolvePlain(contents.source).kind === "value" &&
      contents.source === "")
  );
}

const OPTIONS = {
  version: "1.2",
  schema: "failsafe",
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: "silent",
  keepSourceTokens: false,
} as const;
/** What the library says of things that were refused before, with their place. */
const ALREADY_SAID = new Set([
  "BAD_ALIAS",
  "ALIAS_PROPS",
  "TAG_RESOLVE_FAILED",
  "MULTIPLE_TAGS",
  "MULTIPLE_ANCHORS",
  "BAD_PROP_ORDER",
  "BAD_DIRECTIVE",
]);

function compose(source: SourceText, tokens: readonly CST.Token[]) {
  const documents: Document.Parsed[] = [];
  const errors: Fault[] = [];
  for (const document of new Composer(OPTIONS).compose(tokens)) {
    documents.push(document);
    for (const error of document.errors) {
      if (ALREADY_SAID.has(error.code) || errors.length >= 20) continue;
      errors.push(
        source.fault(
          error.pos[0],
          "YAML_SYNTAX",
          printable(error.message, 200),
          "check indentation, quotes and brackets on this line",
        ),
      );
    }
  }
  return { documents, errors };
}

const RESERVED_KEYS = new Set(["__proto__", "constructor", "prototype"]);

class TreeBuilder {
  readonly faults: Fault[] = [];
  readonly #source: SourceText;

  constructor(source: SourceText) {
    this.#source = source;
  }

  node(raw: unknown, depth: number, fallbackOffset: number): YamlNode {
    const offset = offsetOf(raw) ?? fallbackOffset;
    if (isMap(raw)) return this.#tooDeep(depth, offset) ?? this.#map(raw.items, depth, offset, raw.tag !== undefined);
    if (isSeq(raw)) {
      const items = (): YamlNode[] => raw.items.map((item) => this.node(item, depth + 1, offset));
      return this.#tooDeep(depth, offset) ?? { kind: "list", offset, tainted: raw.tag !== undefined, items: items() };
    }
    if (isScalar(raw))
      return this.#scalar(raw.source ?? "", raw.value, raw.type ?? "PLAIN", offset, raw.tag !== undefined);
    // An alias (refused before), or a key without a value.
    return { kind: "scalar", offset, tainted: raw !== null, value: null, textOffset: null };
  }

  #tooDeep(depth: number, offset: number): YamlScalar | undefined {
    if (depth <= MAX_DEPTH) return undefined;
    this.faults.push(tooDeep(this.#source, offset));
    return { kind: "scalar", offset, tainted: true, value: null, textOffset: null };
  }

  #map(pairs: readonly Pair[], depth: number, offset: number, tainted: boolean): YamlMap {
    const entries = new Map<string, YamlEntry>();
    for (const pair of pairs) {
      const keyOffset = offsetOf(pair.key) ?? offset;
      const value = this.node(pair.value, depth + 1, keyOffset);
      const key = this.#key(pair.key, keyOffset, entries);
      if (key !== undefined) entries.set(key, { keyOffset, value });
    }
    return { kind: "map", offset, tainted, entries };
  }

  #key(raw: unknown, offset: number, entries: ReadonlyMap<string, YamlEntry>): string | undefined {
    const key = isScalar(raw) ? raw.value : undefined;
    if (typeof key !== "string" || key === "" || key.length > 256)
      return this.#refuse(offset, "YAML_KEY", "a key must be a short text");
    if (RESERVED_KEYS.has(key)) return this.#refuse(offset, "YAML_RESERVED_KEY", `key "${key}" is reserved`);
    if (key === "<<") return this.#refuse(offset, "YAML_MERGE_KEY", "merge key << is not allowed");
    const forbidden = forbiddenCharacter(key);
    if (forbidden !== undefined) return this.#refuse(offset, forbidden.code, forbidden.message);
    const before = entries.get(key);
    if (before === undefined) return key;
    const { line } = this.#source.position(before.keyOffset);
    return this.#refuse(
      offset,
      "YAML_DUPLICATE_KEY",
      `key "${printable(key)}" is written twice, first on line ${line}`,
    );
  }

  #refuse(offset: number, code: string, message: string): undefined {
    this.faults.push(
      this.#source.fault(
        offset,
        code,
        message,
        code === "YAML_DUPLICATE_KEY" ? "keep one of them" : "rename or remove the key",
      ),
    );
    return undefined;
  }

  #scalar(source: string, value: unknown, type: string, offset: number, tagged: boolean): YamlScalar {
    const text = typeof value === "string" ? value : source;
    const resolved = type === "PLAIN" ? resolvePlain(text) : ({ kind: "value", value: text } as const);
    const fault = resolved.kind === "fault" ? resolved : forbiddenCharacter(text);
    if (fault !== undefined) this.faults.push(this.#source.fault(offset, fault.code, fault.message, fault.hint));
    const textOffset = offset + (type === "PLAIN" ? 0 : 1);
    return {
      kind: "scalar",
      offset,
      tainted: tagged || fault !== undefined,
      value: resolved.kind === "value" ? resolved.value : text,
      textOffset: this.#source.text.startsWith(text, textOffset) ? textOffset : null,
    };
  }
}

function offsetOf(raw: unknown): number | undefined {
  // A parsed node has a range; the library's types only say so for some of them.
  const range = typeof raw === "object" && raw !== null && "range" in raw ? raw.range : undefined;
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  return typeof start === "number" ? start : undefined;
}
