import type { RetryPolicy } from "../drills/plan.ts";
import { seededRandom } from "./seeded-random.ts";

const LONGEST_MS = 300_000;

/**
 * Exponential backoff with full jitter: uniform in [0, min(5 min, delay * 2^(attempt - 2))], in milliseconds
 * (AWS Architecture Blog, "Exponential Backoff And Jitter"). `attempt` is the one that comes next, 2 or more.
 */
export function retryDelayMs(policy: RetryPolicy, seed: string, step: string, attempt: number): number {
  const ceilingMs = Math.min(LONGEST_MS, policy.delayMs * 2 ** Math.max(0, attempt - 2));
  return Math.round(seededRandom(seed, "retry", step, attempt)() * ceilingMs);
}
