import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");

test("the JSON Schemas in schema/ are those that the code checks with", async () => {
  const checking = promisify(execFile)(process.execPath, ["scripts/generate-schema.ts", "--check"], { cwd: ROOT });
  await expect(checking).resolves.toBeDefined();
});

test("every error code of the sources stands in docs/errors.md", async () => {
  const table = await readFile(join(ROOT, "docs/errors.md"), "utf8");
  const files = (await readdir(join(ROOT, "src"), { recursive: true })).filter((name) => name.endsWith(".ts"));
  const sources = await Promise.all(files.map((name) => readFile(join(ROOT, "src", name), "utf8")));
  const thrown =
    /new (?:Step|Firedrill)Error\(\s*(?:"(?:subject|transient|permanent|timeout)",\s*)?"([A-Z][A-Z0-9_]+)"/gu;
  const codes = new Set(sources.flatMap((text) => [...text.matchAll(thrown)].map(([, code = ""]) => code)));
  expect(codes.size).toBeGreaterThan(50);
  expect([...codes].filter((code) => !table.includes(`\`${code}\``))).toEqual([]);
});

test("an error code stands once in docs/errors.md", async () => {
  const table = await readFile(join(ROOT, "docs/errors.md"), "utf8");
  const cells = [...table.matchAll(/^\| (`[A-Z0-9_]+`(?:, `[A-Z0-9_]+`)*) \|/gmu)].flatMap(([, cell = ""]) =>
    cell.split(", "),
  );
  expect(cells.length).toBeGreaterThan(100);
  expect(cells.filter((code, index) => cells.indexOf(code) !== index)).toEqual([]);
});
