import { createMachine } from "xstate";
import { describe, expect, test } from "vitest";
import { dumpCharts } from "../../../src/machines/graph/dump-charts.ts";
import { plainText } from "../../../src/machines/graph/plain-text.ts";
import { toDot } from "../../../src/machines/graph/to-dot.ts";
import { toMermaid } from "../../../src/machines/graph/to-mermaid.ts";
import { toStately } from "../../../src/machines/graph/to-stately.ts";
import { planOf, type StepSketch } from "../../support/machines-plan.ts";

const sample = planOf({
  prepare: [{ id: "backup", uses: "backup/find", effect: "read" }],
  disaster: [{ id: "kill", uses: "postgres/kill", effect: "disruptive" }],
  recover: [
    { id: "sandbox", needs: [] },
    { id: "restore", needs: ["sandbox"], retry: { attempts: 2, delayMs: 5000, on: ["transient", "timeout"] } },
  ],
  verify: [{ id: "rows" }, { id: "amcheck", required: false }],
  hold: [{ id: "hold" }],
  return: [],
});

test("the dump of a plan's charts is as agreed", async () => {
  await expect(dumpCharts(sample)).toMatchFileSnapshot("../../golden/charts/sample-plan.txt");
});

test("the dump is the same for the same plan, and tells a changed policy", () => {
  expect(dumpCharts(structuredClone(sample))).toBe(dumpCharts(sample));
  const steps = sample.steps.map((step) => ({ ...step, required: true }));
  expect(dumpCharts({ ...sample, steps })).not.toBe(dumpCharts(sample));
});

describe("the whole as one picture", () => {
  test("in Mermaid has every phase, step and chart", () => {
    const text = toMermaid(sample);
    expect(text).toMatch(/^flowchart TB\n/u);
    expect(text).toContain('subgraph phase_recover["recover"]');
    expect(text).toContain('s2{{"kill<br/>postgres/kill<br/>Step kill"}}');
    expect(text).toContain("s3 --> s4");
    expect(text).toContain("s5 -.-> s6");
    expect(text).toContain('d_recover -->|"phase.deadline_passed"| d_stopping');
    expect(text).toContain('subgraph c2["guarded step"]');
    for (const [, id] of text.matchAll(/\|? (?:-->|-\.->)(?:\|"[^"]*"\|)? (\w+)$/gmu))
      expect(text).toMatch(new RegExp(`^ +${id}[([{]`, "mu"));
  });

  test("in DOT has every phase, step and chart, and its braces and quotes match", () => {
    const text = toDot(sample);
    expect(text).toContain("subgraph cluster_phase_recover {");
    expect(text).toContain('label="kill\\npostgres/kill\\nStep kill", shape=hexagon');
    expect(text).toContain("s3 -> s4;");
    expect(text.match(/\{/gu)?.length).toBe(text.match(/\}/gu)?.length);
  });

  test("for Stately is JSON that XState takes, with each step's chart inside its phase", () => {
    const config = toStately(sample);
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
    // XState's config type knows literal configs only; that it takes this one is what is being tested.
    const machine = createMachine(config as Parameters<typeof createMachine>[0]);
    expect(Object.keys(machine.states)).toEqual([
      "idle",
      "prepare",
      "disaster",
      "recover",
      "verify",
      "hold",
      "return",
      "stopping",
      "cleanup",
      "finished",
    ]);
    const restore = machine.states["recover"]?.states["restore"];
    expect(restore?.description).toBe("Step restore; uses test/step; needs sandbox");
    expect(Object.keys(restore?.states ?? {})).toContain("backoff");
    expect(restore?.states["running"]?.transitions.get("step.succeeded")?.[0]?.target?.[0]?.key).toBe("succeeded");
  });
});

describe("hostile titles", () => {
  const words = [
    `"]; end click s1 call alert("x")`,
    "<script>alert(1)</script>",
    "a\nsubgraph evil\rend\u2028x\u0000y\u001B[31mred",
    "\u202Eright to left\u2066\u2069\u200B",
    `\\" }; digraph evil { a -> b }; \\`,
    "%%{init: {'securityLevel':'loose'}}%%",
    "#quot; &lt;b&gt; `code` | pipe | --> x",
    "\uD800 lone",
    "\\N \\G \\l",
    "long ".repeat(500),
  ];
  const steps = words.map((word, index): StepSketch => ({
    id: `s.${index}#${word}`,
    title: word,
    uses: word,
    needs: [],
  }));
  const plan = {
    ...planOf({ verify: [...steps, { id: "__proto__", needs: [] }, { id: "constructor", needs: [] }] }),
    title: words.join(" "),
  };

  test("in Mermaid stay inside their quotes", () => {
    for (const line of toMermaid(plan).trimEnd().split("\n").slice(2)) {
      expect(line).toMatch(
        /^ +(?:subgraph \w+\["[^"]*"\]|end|\w+(?:\(\[?|\[|\{\{)"(?:[^"<>]|<br\/>)*"(?:\]?\)|\]|\}\})|\w+ (?:-->(?:\|"[^"|<>]*"\|)?|-\.->) \w+)$/u,
      );
    }
    expect(toMermaid(plan).split("\n")[1]).not.toMatch(/[{}<>"`]/u);
  });

  test("in DOT stay inside their quotes", () => {
    const quoted = String.raw`"(?:[^"\\]|\\\\|\\"|\\n)*"`;
    for (const line of toDot(plan).trimEnd().split("\n")) {
      const bare = line.replaceAll(new RegExp(quoted, "gu"), '""');
      expect(bare).toMatch(/^(?:digraph drill \{| *subgraph cluster_\w+ \{| *\}| *label="";|[\w ,.=[\]>";-]+)$/u);
      expect(bare).not.toContain("evil");
    }
  });

  test("for Stately are plain text, and no id becomes a key that XState could take for a path", () => {
    const states = createMachine(toStately(plan) as Parameters<typeof createMachine>[0]).states["verify"]?.states ?? {};
    expect(Object.keys(states)).toHaveLength(12);
    for (const key of Object.keys(states)) expect(key).toMatch(/^[A-Za-z]\w*$/u);
  });

  test.each([
    ["Mermaid", toMermaid],
    ["DOT", toDot],
    ["the dump", dumpCharts],
    ["Stately", (p: typeof plan) => JSON.stringify(toStately(p))],
  ])("in %s bring no control, bidirectional or broken character", (_name, draw) => {
    expect(draw(plan)).not.toMatch(/[\p{Cs}\p{Cf}]|(?!\n)\p{Cc}|[\u2028\u2029]/u);
    expect(draw(plan).isWellFormed()).toBe(true);
  });
});

test("plain text is one line of at most the characters allowed", () => {
  expect(plainText("  a\n\tb  ")).toBe("a b");
  expect(plainText("abcdef", 4)).toBe("abc…");
  expect(plainText("🚒🚒🚒", 2)).toBe("🚒…");
});
