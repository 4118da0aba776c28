import { readFileSync } from "node:fs";
import type { Clock } from "./clock.ts";

/**
 * The machine's own clocks. `process.hrtime` reads CLOCK_MONOTONIC, which counts from boot and is the same for every
 * process of that boot (clock_gettime(2)).
 */
export function systemClock(): Clock {
  return {
    monoUs: () => Number(process.hrtime.bigint() / 1000n),
    // Milliseconds is what Date gives; it follows adjustments of the clock, which performance.timeOrigin does not.
    wallUs: () => Date.now() * 1000,
    bootId: readBootId(),
  };
}

/** Random identity of this boot (random(4)); `unknown` where the kernel does not tell. */
function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}
