import { expect, test } from "vitest";
import { simulate } from "./simulate.ts";

test("the same seed gives the same journal, byte for byte, and the same trace", async () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const traces: string[][] = [[], []];
    const first = await simulate(seed, (line) => void traces[0]?.push(line));
    const second = await simulate(seed, (line) => void traces[1]?.push(line));
    expect(second.journal, `seed ${seed}`).toBe(first.journal);
    expect(traces[1], `seed ${seed}`).toEqual(traces[0]);
  }
});

test("another seed gives another run", async () => {
  const journals = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) journals.add((await simulate(seed)).journal);
  expect(journals.size).toBeGreaterThan(15);
});
