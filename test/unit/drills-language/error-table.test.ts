import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BAD_INVENTORIES } from "./bad-inventories.ts";
import { BAD_PLANS } from "./bad-plans.ts";
import { BAD_SHAPES, BAD_STEPS, BAD_YAML } from "./bad-playbooks.ts";

const root = join(import.meta.dirname, "../../..");
const table = readFileSync(join(root, "docs/errors.md"), "utf8");
const section = table.slice(table.indexOf("## Playbooks and inventories")).split(/^## /mu)[1] ?? "";
const listed = new Set([...section.matchAll(/^\| `([A-Z_]+)` \|/gmu)].map((match) => match[1] ?? ""));

const FILES =
  /^(?:check-|plan-|load-|yaml-|zod-|build-|json-|playbook-|inventory-|names|params|template|condition|expectation|parsed)/u;

test("every code that the language can say is in the table, and no other", () => {
  const folder = join(root, "src/drills");
  const sources = readdirSync(folder)
    .filter((name) => FILES.test(name))
    .map((name) => join(folder, name));
  const text = [...sources, join(root, "src/support/duration.ts"), join(root, "src/support/canonical-json.ts")]
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const said = new Set(
    [...text.matchAll(/["'`](?:\$\{context\.prefix\})?([A-Z]+(?:_[A-Z]+)+)(?:["'`]|: )/gu)].map(
      (match) => match[1] ?? "",
    ),
  );
  const general = ["UNKNOWN_FIELD", "MISSING_FIELD", "WRONG_TYPE", "INVALID_VALUE"];
  const expected = [...said, ...general, ...general.map((code) => `WITH_${code}`)].filter(
    (code) => !NOT_CODES.has(code),
  );
  expect([...listed].toSorted()).toEqual([...new Set(expected)].toSorted());
});

/** What the libraries call things. */
const NOT_CODES = new Set([
  "BAD_ALIAS",
  "ALIAS_PROPS",
  "TAG_RESOLVE_FAILED",
  "MULTIPLE_TAGS",
  "MULTIPLE_ANCHORS",
  "BAD_PROP_ORDER",
  "BAD_DIRECTIVE",
]);

/** Seen in other tests: they need more than one document spoilt in one place. */
const ELSEWHERE = ["TOO_MANY_FAULTS", "NOT_JSON"];

test("every code in the table is shown by a bad document", () => {
  const shown = [...BAD_YAML, ...BAD_SHAPES, ...BAD_STEPS, ...BAD_INVENTORIES, ...BAD_PLANS].flatMap(({ faults }) =>
    faults.map((fault) => fault.split(" ").at(-1) ?? ""),
  );
  expect([...listed].filter((code) => !shown.includes(code) && !ELSEWHERE.includes(code))).toEqual([]);
});
