import { expect, test } from "vitest";
import { killDemo } from "../support/demo-kill.ts";

const NOTHING_LEFT = { folders: [], processes: [], mounts: [] };
const TIMES = 20;
/** A little more than a whole demo of this size takes, so that every part of it is hit. */
const SPAN_MS = 16_000;

test.each(["SIGINT", "SIGKILL"] as const)(
  `a demo that gets %s at ${TIMES} random moments leaves nothing`,
  async (signal) => {
    for (let time = 0; time < TIMES; time += 1) {
      const afterMs = Math.floor(Math.random() * SPAN_MS);
      const { code, left, stderr } = await killDemo(signal, afterMs);
      process.stdout.write(`${signal} after ${afterMs} ms: exit ${code}\n`);
      expect(left, `after ${afterMs} ms\n${stderr}`).toEqual(NOTHING_LEFT);
      // 4: stopped; 0: it was over by then; null: so early that no handler was there yet.
      expect(signal === "SIGINT" ? [0, 4, null] : [0, null], stderr).toContain(code);
    }
  },
);
