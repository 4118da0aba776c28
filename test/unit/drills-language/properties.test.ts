import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkCondition, evaluateCondition } from "../../../src/drills/condition.ts";
import { parseExpectation } from "../../../src/drills/expectation.ts";
import { parseTemplate, resolveTemplates } from "../../../src/drills/template.ts";
import { FiredrillError } from "../../../src/support/errors.ts";
import type { JsonValue } from "../../../src/support/json.ts";
import { GOOD_INVENTORY, GOOD_PLAYBOOK } from "../../support/lang-documents.ts";
import { load, loadSystems, mustPlan, plan } from "./language.ts";

/** Pieces that texts of the language are made of, so that random text gets further than the first character. */
const PIECES = [
  "apiVersion: firedrill/v1\n",
  "kind: Playbook\n",
  "metadata:",
  "phases:\n",
  "  recover:\n",
  "    - uses: ",
  "backup/find",
  "with: ",
  "{",
  "}",
  "[",
  "]",
  ": ",
  ", ",
  "- ",
  "\n",
  "  ",
  "\t",
  "&a ",
  "*a",
  "!!str ",
  "? ",
  "| ",
  "> ",
  "'",
  '"',
  "#",
  "---\n",
  "...\n",
  "%YAML 1.2\n",
  "${{ ",
  " }}",
  "params.",
  "steps.",
  "__proto__",
  "constructor",
  "0777",
  ".nan",
  "1e999",
  "9007199254740993",
  "15",
  "15m",
  "null",
  "true",
  "~",
  "\uFEFF",
  "\u202E",
  "\u0000",
  "\uD800",
  "\\",
  "<<",
  "@",
  "`",
  "&&",
  "==",
  "(",
  ")",
  "size",
  ".",
  "in",
  "matches /",
  "between",
];
const yamlish = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
      { weight: 1, arbitrary: fc.string({ maxLength: 5, unit: "binary" }) },
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

/** A document that holds, with a piece put in, cut out or doubled at random. */
const spoiled = (text: string) =>
  fc
    .tuple(fc.nat(text.length), fc.nat(40), yamlish, fc.boolean())
    .map(([at, length, piece, cut]) => text.slice(0, at) + piece.slice(0, 30) + text.slice(cut ? at + length : at));

test("no text makes reading it throw: it is a playbook or it has faults with a place in it", () => {
  fc.assert(
    fc.property(fc.oneof(yamlish, spoiled(GOOD_PLAYBOOK)), (text) => {
      const result = load(text);
      if (result.kind === "ok") return;
      const lines = text.split("\n");
      expect(result.faults.length).toBeGreaterThan(0);
      for (const { line, col, code, message } of result.faults) {
        expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/u);
        expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(col).toBeLessThanOrEqual((lines[line - 1] ?? "").length + 1);
      }
    }),
    { numRuns: 400 },
  );
});

test("no bytes make reading them throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(["ok", "faults"]).toContain(loadSystems(bytes).kind);
    }),
  );
});

test("no inventory makes reading it throw", () => {
  fc.assert(
    fc.property(fc.oneof(yamlish, spoiled(GOOD_INVENTORY)), (text) => {
      expect(["ok", "faults"]).toContain(loadSystems(text).kind);
    }),
    { numRuns: 300 },
  );
});

test("no parameter makes planning throw, and none brings in a template", () => {
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: "binary" })), (until) => {
      const result = plan({ params: { until } });
      if (result.kind === "faults") return;
      expect(result.plan.steps.find(({ id }) => id === "restore")?.with["until"]).toBe(until);
      expect(until).not.toContain("${{");
    }),
  );
});

test("the hash does not depend on the order of keys, on comments or on blank lines", () => {
  const blocks = GOOD_PLAYBOOK.split(/^(?=\S)/mu);
  const { sha256 } = mustPlan();
  fc.assert(
    fc.property(
      fc.shuffledSubarray(blocks, { minLength: blocks.length }),
      fc.stringMatching(/^[ -~]{0,20}$/u),
      fc.nat(3),
      (order, comment, blank) => {
        const text = order.map((block) => `# ${comment}\n${"\n".repeat(blank)}${block}`).join("");
        expect(mustPlan({ playbook: text }).sha256).toBe(sha256);
      },
    ),
    { numRuns: 30 },
  );
});

test("templates, conditions and expectations never throw but their own errors", () => {
  const scope = { params: { a: 1 }, system: null, steps: {}, run: {} };
  fc.assert(
    fc.property(yamlish, (text) => {
      expect(["template", "error"]).toContain(parseTemplate(text).kind);
      expect(["ok", "error"]).toContain(checkCondition(text, "when").kind);
      expect(["value", "error"]).toContain(evaluateCondition(text, scope).kind);
      expect(parseExpectation(text).kind).toMatch(/^(?:compare|between|in|matches|error)$/u);
      expect(["ok", "refused"]).toContain(outcome(() => resolveTemplates(text, scope)));
    }),
    { numRuns: 300 },
  );
});

function outcome(work: () => JsonValue): "ok" | "refused" {
  try {
    work();
    return "ok";
  } catch (error) {
    if (error instanceof FiredrillError) return "refused";
    throw error;
  }
}
