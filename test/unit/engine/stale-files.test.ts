import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeStale } from "../../../src/engine/state/stale-files.ts";

const NOW_S = 1_795_000_000;

test("what a dead process left half written goes once it is a minute old; what may be at work, and every other file, stays", async () => {
  const folder = await mkdtemp(join(tmpdir(), "firedrill-stale-"));
  const files = { ".0123456789ab.tmp": 61, ".ba9876543210.tmp": 59, ".notes.tmp": 600, "plan.json": 600, "a.tmp": 600 };
  for (const [name, ageS] of Object.entries(files)) {
    await writeFile(join(folder, name), "");
    await utimes(join(folder, name), NOW_S - ageS, NOW_S - ageS);
  }
  await removeStale([folder], NOW_S * 1_000_000);
  expect(await readdir(folder)).toEqual([".ba9876543210.tmp", ".notes.tmp", "a.tmp", "plan.json"]);
  await removeStale([join(folder, "not there")], NOW_S * 1_000_000);
  await rm(folder, { recursive: true });
});
