import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchProbes } from "../../../src/canary/watch.ts";
import type { TrafficRef } from "../../../src/drills/traffic-ref.ts";
import { startTicksOf } from "../../../src/support/process-identity.ts";
import { systemClock } from "../../../src/support/system-clock.ts";

const { bootId } = systemClock();

/** What a run's record says of its prober; nothing else of it is looked at here. */
function recordOf(prober: TrafficRef["prober"], dir: string): TrafficRef {
  return { id: "0".repeat(12), dir, prober, writer: prober } as Partial<TrafficRef> as TrafficRef;
}

test.each([
  ["a process that got the number later", { startTicks: 1 }],
  ["a process of an earlier boot", { bootId: "another" }],
])("the prober of the record is not taken for %s: its watch says that it is gone", async (_, forged) => {
  const dir = mkdtempSync(join(tmpdir(), "firedrill-forged-"));
  try {
    // This very process has the number.
    const own = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0, bootId };
    const { signal } = new AbortController();
    using lost = await watchProbes(recordOf({ ...own, ...forged }, dir), bootId);
    await expect(lost.until(() => false, signal)).rejects.toMatchObject({ code: "TRAFFIC_GONE" });

    using living = await watchProbes(recordOf(own, dir), bootId);
    const enough = new AbortController();
    const watching = living.until(() => false, enough.signal);
    await new Promise((resolve) => setTimeout(resolve, 30));
    enough.abort(new Error("it goes on"));
    await expect(watching).rejects.toThrow("it goes on");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
