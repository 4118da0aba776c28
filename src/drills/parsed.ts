import type { Fault } from "../support/errors.ts";

/** What reading a document a person wrote comes to: its value, or every fault that was found. */
export type Parsed<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** At most this many are told: the rest are most likely consequences. */
const MAX_FAULTS = 100;

/** In the order of the text, each once, capped. */
export function orderFaults(faults: readonly Fault[]): readonly Fault[] {
  const seen = new Set<string>();
  const once = faults.filter((fault) => {
    const key = `${fault.file}\n${fault.line}:${fault.col} ${fault.code} ${fault.message}`;
    return seen.has(key) ? false : Boolean(seen.add(key));
  });
  const ordered = once.toSorted((a, b) => compareText(a.file, b.file) || a.line - b.line || a.col - b.col);
  const [first] = ordered;
  if (first === undefined || ordered.length <= MAX_FAULTS) return ordered;
  const message = `${ordered.length - MAX_FAULTS} more faults are not shown`;
  return [...ordered.slice(0, MAX_FAULTS), { file: first.file, line: 0, col: 0, code: "TOO_MANY_FAULTS", message }];
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
