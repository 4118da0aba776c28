import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "./marked-processes.ts";

/** A process makes its own file and never writes into another's: `writer.1.ledger`, and `writer.2.ledger` of the one after it. */
const NAMES = {
  writer: { pattern: /^writer\.(\d{1,6})\.ledger$/u, name: (n: number) => `writer.${n}.ledger` },
  prober: { pattern: /^prober\.(\d{1,6})\.log$/u, name: (n: number) => `prober.${n}.log` },
} as const;

/** Absolute paths, eldest first. */
export function filesOf(dir: string, role: Role): readonly string[] {
  return numbersOf(dir, role).map((number) => join(dir, NAMES[role].name(number)));
}

export function nextFile(dir: string, role: Role): string {
  return join(dir, NAMES[role].name((numbersOf(dir, role).at(-1) ?? 0) + 1));
}

function numbersOf(dir: string, role: Role): readonly number[] {
  let names: readonly string[] = [];
  try {
    names = readdirSync(dir);
  } catch {
    // Nothing was started yet.
  }
  return names
    .flatMap((name) => {
      const number = NAMES[role].pattern.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    })
    .toSorted((a, b) => a - b);
}
