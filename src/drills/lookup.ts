import type { JsonValue } from "../support/json.ts";

export type Lookup =
  | { readonly kind: "found"; readonly value: JsonValue }
  | { readonly kind: "missing"; readonly message: string; readonly depth: number; readonly known: readonly string[] };

/** Walks own enumerable properties only: `constructor`, `length` and `__proto__` are names like any other. */
export function lookup(root: object, path: readonly string[]): Lookup {
  let current: unknown = root;
  for (const [depth, segment] of path.entries()) {
    if (typeof current !== "object" || current === null)
      return { kind: "missing", message: `nothing is below "${path[depth - 1] ?? ""}"`, depth, known: [] };
    if (!Object.prototype.propertyIsEnumerable.call(current, segment)) {
      return { kind: "missing", message: `there is no "${segment}"`, depth, known: Object.keys(current) };
    }
    current = Reflect.get(current, segment);
  }
  // The roots hold JSON values (decoded documents, step outputs, plan snapshots); undefined cannot be enumerable in them.
  return { kind: "found", value: current as JsonValue };
}
