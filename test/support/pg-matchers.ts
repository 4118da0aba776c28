import { expect } from "vitest";

/** Matchers of the runner are typed `any`; as `unknown` they fit everywhere and hide nothing. */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
