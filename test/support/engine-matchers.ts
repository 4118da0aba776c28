import { expect } from "vitest";

/** `expect.stringContaining`, typed as what it is to the value it stands in for: anything. */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
