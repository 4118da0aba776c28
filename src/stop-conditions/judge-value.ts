import { meets, parseExpectation } from "../drills/expectation.ts";
import type { StopReading } from "../drills/stop-condition.ts";

/** NULL and NaN say nothing: they are no answer. */
export function judgeValue(text: string | null, expect: string): StopReading {
  if (text === null || /^nan$/iu.test(text)) return { kind: "unknown", seen: text ?? "NULL" };
  const expected = parseExpectation(expect);
  if (expected.kind === "error")
    return { kind: "unknown", seen: `the expectation cannot be read: ${expected.message}` };
  return { kind: meets(expected, text) ? "holds" : "breached", seen: text };
}

export function unknown(seen: string): StopReading {
  return { kind: "unknown", seen };
}
