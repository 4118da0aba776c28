import { expect } from "vitest";

// Matchers, typed as what they are to the value they stand in for: anything.

export function containing(text: string): unknown {
  return expect.stringContaining(text);
}

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

export function listWith(...items: readonly unknown[]): unknown {
  return expect.arrayContaining([...items]);
}

export function objectWith(fields: Readonly<Record<string, unknown>>): unknown {
  return expect.objectContaining(fields);
}
