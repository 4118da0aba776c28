import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { edgePage } from "../../../src/machines/graph/edge-page.ts";
import { MACHINES_PAGE, tablesIn } from "../../support/machines-page.ts";

test("the edge tables in docs/machines.md are those of the code", () => {
  // On a difference: node scripts/generate-machines-page.ts
  expect(tablesIn(readFileSync(MACHINES_PAGE, "utf8"))).toBe(edgePage());
});

test("every sentence in the tables is a sentence, and stays in its cell", () => {
  const cells = edgePage()
    .split("\n")
    .filter((line) => line.startsWith("| `") || line.startsWith("| **"));
  expect(cells.length).toBeGreaterThan(100);
  for (const line of cells) expect(line).toMatch(/^\|(?: [^|]*\|){3,5}$/u);
  for (const line of cells) expect(line).toMatch(/[.?](?: \(orders `\w+`\))? \|$/u);
});
