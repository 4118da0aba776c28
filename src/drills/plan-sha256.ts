import { sha256OfJson } from "../support/canonical-json.ts";
import type { JsonValue } from "../support/json.ts";
import type { Plan } from "./plan.ts";

/**
 * Identity of a plan: `sha256(JCS(plan))` (RFC 8785) without where it was written (`source`, each step's `line`). Comments,
 * blank lines and the order of keys do not make another plan; anything that changes what a run does, does.
 */
export function planSha256(plan: Plan): string {
  const { source: _source, steps, ...rest } = plan;
  const what = { ...rest, steps: steps.map(({ line: _line, ...step }) => step) };
  // A plan is plain JSON by construction; its interfaces have no index signature to say so.
  return sha256OfJson(what as unknown as JsonValue);
}
