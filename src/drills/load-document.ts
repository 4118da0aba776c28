import type { z } from "zod";
import type { Fault } from "../support/errors.ts";
import type { JsonValue } from "../support/json.ts";
import { show } from "../support/printable.ts";
import { suggest } from "../support/suggest.ts";
import { API_VERSION } from "./playbook-schema.ts";
import { readYaml } from "./yaml-document.ts";
import type { SourceInput, SourceText } from "./yaml-text.ts";
import { type Path, toJson, type YamlNode } from "./yaml-tree.ts";
import { issuesToFaults, valueAt } from "./zod-faults.ts";

/** A document with its tree, read as far as its faults allow. */
export interface Draft<T> {
  readonly source: SourceText;
  readonly root: YamlNode;
  readonly value: JsonValue;
  /** Null while the shape has faults. */
  readonly spec: T | null;
  readonly faults: readonly Fault[];
  /** True when nothing at or below the path has a fault of shape. */
  isSound(path: Path): boolean;
}

export type DraftResult<T> =
  | { readonly kind: "draft"; readonly draft: Draft<T> }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** Text to checked shape: YAML, the two header fields, then the schema. */
export function loadDocument<S extends z.ZodType>(
  input: SourceInput,
  kind: string,
  schema: S,
): DraftResult<z.output<S>> {
  const { source, root, faults } = readYaml(input);
  if (root === null) return { kind: "faults", faults };
  const value = toJson(root);
  const header = headerFaults(source, root, value, kind);
  if (header.length > 0) return { kind: "faults", faults: [...faults, ...header] };
  const parsed = schema.safeParse(value);
  const issues = parsed.success ? [] : parsed.error.issues;
  const shape = issuesToFaults(issues, { source, root, base: [], schema, value, prefix: "" });
  const unsound = unsoundPaths(issues);
  return {
    kind: "draft",
    draft: {
      source,
      root,
      value,
      spec: parsed.success ? parsed.data : null,
      faults: [...faults, ...shape],
      isSound: (path) => !unsound.has(pathKey(path)),
    },
  };
}

/** Every path that has a fault at or below it. */
function unsoundPaths(issues: readonly z.core.$ZodIssue[]): ReadonlySet<string> {
  const paths = issues.map((issue) => issue.path);
  return new Set(paths.flatMap((path) => path.map((_, index) => pathKey(path.slice(0, index + 1)))));
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

/** A document of another kind or version is only told that: everything else would be noise. */
function headerFaults(source: SourceText, root: YamlNode, value: JsonValue, kind: string): readonly Fault[] {
  if (root.kind !== "map")
    return [
      source.fault(root.offset, "WRONG_TYPE", "the document must be a map", `begin with apiVersion: ${API_VERSION}`),
    ];
  return [
    ...headerFault(source, root, "apiVersion", valueAt(value, ["apiVersion"]), API_VERSION, "WRONG_API_VERSION"),
    ...headerFault(source, root, "kind", valueAt(value, ["kind"]), kind, "WRONG_KIND"),
  ];
}

function headerFault(
  source: SourceText,
  root: Extract<YamlNode, { kind: "map" }>,
  field: string,
  actual: JsonValue | undefined,
  wanted: string,
  code: string,
): readonly Fault[] {
  if (actual === wanted) return [];
  const entry = root.entries.get(field);
  if (entry === undefined) {
    const near = suggest(field, root.entries.keys());
    const hint = near === undefined ? `add ${field}: ${wanted}` : `did you mean ${field} where "${near}" stands?`;
    return [source.fault(root.offset, code, `missing field "${field}"`, hint)];
  }
  if (entry.value.tainted) return [];
  return [
    source.fault(
      entry.value.offset,
      code,
      `"${field}" must be "${wanted}", is ${show(actual)}`,
      `write ${field}: ${wanted}`,
    ),
  ];
}
