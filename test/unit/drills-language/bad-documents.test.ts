import { threadCpuUsage } from "node:process";
import { describe, expect, test } from "vitest";
import { formatFault } from "../../../src/support/errors.ts";
import { GOOD_INVENTORY, GOOD_PLAYBOOK, spoil } from "../../support/lang-documents.ts";
import { BAD_INVENTORIES } from "./bad-inventories.ts";
import { BAD_PLANS } from "./bad-plans.ts";
import { BAD_SHAPES, BAD_STEPS, BAD_YAML } from "./bad-playbooks.ts";
import { load, loadSystems, must, places, plan } from "./language.ts";

const PLAYBOOKS = [...BAD_YAML, ...BAD_SHAPES, ...BAD_STEPS];
const UNLABELLED = `${GOOD_INVENTORY}  - { name: unlabelled, engine: postgresql }\n`;

function faultsOf(result: ReturnType<typeof load> | ReturnType<typeof loadSystems> | ReturnType<typeof plan>) {
  return result.kind === "faults" ? result.faults : [];
}

test("the documents that the tables spoil are themselves without fault", () => {
  must(load(GOOD_PLAYBOOK));
  must(loadSystems(GOOD_INVENTORY));
  expect(plan({ inventory: UNLABELLED }).kind).toBe("plan");
});

describe("a bad playbook is refused within a second with code and place", () => {
  test.each(PLAYBOOKS)("$title", ({ text, faults }) => {
    expect(places(faultsOf(inASecond(() => load(text))))).toEqual(faults);
  });
});

describe("a bad inventory is refused within a second with code and place", () => {
  test.each(BAD_INVENTORIES)("$title", ({ text, faults }) => {
    expect(places(faultsOf(inASecond(() => loadSystems(text))))).toEqual(faults);
  });
});

describe("what does not go together makes no plan", () => {
  test.each(BAD_PLANS)("$title", ({ playbook, params, system, inventory, faults }) => {
    const result = inASecond(() => plan({ playbook, params, system, inventory: inventory ? UNLABELLED : null }));
    expect(faultsOf(result).map(({ file, line, col, code }) => `${file}:${line}:${col} ${code}`)).toEqual(faults);
  });
});

test("there are at least 60 bad documents", () => {
  expect(PLAYBOOKS.length + BAD_INVENTORIES.length + BAD_PLANS.length).toBeGreaterThan(180);
});

/** Sizes and shapes that a careless reader takes minutes over. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["anchors", "&a ".repeat(300_000)],
  ["aliases", `a: [${"*a, ".repeat(250_000)}]`],
  ["tags", "!a ".repeat(300_000)],
  ["documents", "---\n".repeat(250_000)],
  ["directives", "%YAML 1.2\n".repeat(90_000)],
  ["comments", "#\n".repeat(500_000)],
  ["spaces", " ".repeat(1_000_000)],
  ["quotes", "'".repeat(1_000_000)],
  ["an open quote over many lines", `"${"a\n".repeat(500_000)}`],
  ["keys", Array.from({ length: 90_000 }, (_, index) => `k${index}: 1\n`).join("")],
  ["one key many times", "a: 1\n".repeat(200_000)],
  [
    "unknown fields",
    `${GOOD_PLAYBOOK}${Array.from({ length: 20_000 }, (_, index) => `objectivez${index}: 1\n`).join("")}`,
  ],
  ["closing brackets", "]".repeat(1_000_000)],
  ["explicit keys", "? ".repeat(500_000)],
  ["a staircase", Array.from({ length: 1400 }, (_, index) => `${" ".repeat(index)}a:\n`).join("")],
  [
    "faulty steps",
    GOOD_PLAYBOOK.replace("  disaster:\n", `  disaster:\n${"    - { use: x, needs: [y], when: '(' }\n".repeat(1900)}`),
  ],
  [
    "unknown needs",
    GOOD_PLAYBOOK.replace(
      "  disaster:\n",
      `  disaster:\n${"    - { uses: disaster/declare, needs: [nobody-at-all] }\n".repeat(1900)}`,
    ),
  ],
  ["a long name", spoil(GOOD_PLAYBOOK, "name: restore-orders", `name: ${"a-".repeat(400_000)}`)],
  [
    "a long condition",
    spoil(GOOD_PLAYBOOK, "    - uses: verify/sql\n", `    - uses: verify/sql\n      when: "${"(".repeat(500_000)}"\n`),
  ],
  ["many templates", spoil(GOOD_PLAYBOOK, "query: select 1", `query: "${"${{ params.x }}".repeat(50_000)}"`)],
  ["open templates", spoil(GOOD_PLAYBOOK, "query: select 1", `query: "${"${{".repeat(200_000)}"`)],
];

describe("each answers within a second of processor time and nothing is thrown", () => {
  test.each(HOSTILE)("a megabyte of %s", (_, text) => {
    expect(inASecond(() => load(text)).kind).toBe("faults");
  });
});

/** Of this thread: other tests and other people on the machine do not count. */
function inASecond<T>(work: () => T): T {
  const before = threadCpuUsage();
  const result = work();
  expect(threadCpuUsage(before).user / 1e6).toBeLessThan(1);
  return result;
}

describe("what a fault says", () => {
  const first = (text: string): string =>
    formatFault(
      must({ kind: "ok", value: faultsOf(load(text))[0] ?? { file: "", line: 0, col: 0, code: "NONE", message: "" } }),
    );

  test("is file, line, column, code, sentence and hint", () => {
    const text = spoil(GOOD_PLAYBOOK, "      timeout: 30m\n", "      timeuot: 30m\n");
    expect(first(text)).toBe('p.yaml:25:7 UNKNOWN_FIELD unknown field "timeuot"\n  hint: did you mean "timeout"?');
  });

  test("cannot move the cursor or change the direction of writing", () => {
    const text = spoil(GOOD_PLAYBOOK, "hold: 30s", String.raw`"\u001b[2J\u202e": 1`);
    const said = first(text);
    expect(said).toContain("YAML_CONTROL_CHARACTER");
    expect(said).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  test("is short, however long the value", () => {
    const text = spoil(GOOD_PLAYBOOK, "hold: 30s", `hold: ${"x".repeat(100_000)}`);
    expect(first(text).length).toBeLessThan(300);
  });

  test("never repeats what may be a secret", () => {
    for (const written of [
      "password: hunter2",
      "password: [hunter2]",
      "password: { hunter2: hunter2 }",
      "password: !hunter2",
      "password: &hunter2",
      "password: *hunter2",
      "password: env:hunter2 x",
    ]) {
      const faults = faultsOf(loadSystems(spoil(GOOD_INVENTORY, "password: env:ORDERS_PASSWORD", written)));
      expect(faults.length).toBeGreaterThan(0);
      expect(faults.map(formatFault).join("\n")).not.toContain("hunter2");
    }
  });
});
