import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeTree } from "../../../src/databases/postgres/held-folder.ts";

test("a tree that another one removes at the same time is removed", async () => {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-held-"));
  const tree = join(dir, "tree");
  for (let round = 0; round < 20; round += 1) {
    for (let folder = 0; folder < 4; folder += 1) {
      await mkdir(join(tree, `${folder}`), { recursive: true });
      await writeFile(join(tree, `${folder}`, "file"), "");
    }
    await Promise.all([removeTree(tree), removeTree(tree), removeTree(tree)]);
    expect(existsSync(tree)).toBe(false);
  }
  await rm(dir, { recursive: true });
});
