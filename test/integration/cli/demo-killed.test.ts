import { expect, test } from "vitest";
import { killDemo } from "../../support/demo-kill.ts";

// The full sweep of random moments is test/long/demo-killed.test.ts.
const NOTHING_LEFT = { folders: [], processes: [], mounts: [] };

test.each([800, 4000])("a demo that gets Ctrl-C after %i ms leaves nothing", async (afterMs) => {
  const { code, left, stderr } = await killDemo("SIGINT", afterMs);
  expect(left, stderr).toEqual(NOTHING_LEFT);
  expect(code, stderr).toBe(4);
});

test.each([2500])("after kill -9 at %i ms and `firedrill clean` nothing is left of a demo", async (afterMs) => {
  const { left, stderr } = await killDemo("SIGKILL", afterMs);
  expect(left, stderr).toEqual(NOTHING_LEFT);
});
