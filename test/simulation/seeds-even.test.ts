import { expect, test } from "vitest";
import { sweepEverySecond } from "./check-sweep.ts";

test(
  "every promise of the engine holds in simulated runs, whatever goes wrong (even seeds)",
  { timeout: 900_000 },
  async () => {
    const { words, broken, tooSeldom } = await sweepEverySecond(0);
    expect(broken, words).toEqual([]);
    expect(tooSeldom, words).toEqual([]);
  },
);
