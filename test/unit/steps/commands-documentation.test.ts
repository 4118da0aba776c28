import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { z } from "zod";
import { parseConfiguration } from "../../../src/cli/configuration-document.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { runCommandStep } from "../../../src/steps/command/run.ts";
import { httpRequestStep } from "../../../src/steps/http/request.ts";
import { detectOutageStep } from "../../../src/steps/traffic/detect.ts";
import { recoveredStep } from "../../../src/steps/traffic/recovered.ts";
import { startTrafficStep } from "../../../src/steps/traffic/start.ts";
import { stopTrafficStep } from "../../../src/steps/traffic/stop.ts";
import { waitUntilStep } from "../../../src/steps/wait/until.ts";
import { createRedactor } from "../../../src/support/redact.ts";
import { fakeTraffic } from "../../support/traffic-fake.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/commands.md"), "utf8");
const texts = [...page.matchAll(/^```yaml\n([^]*?)^```/gmu)].map((match) => match[1] ?? "");

const nothing = () => Promise.reject(new Error("not called"));
const traffic = fakeTraffic();
const steps: readonly Step[] = [
  runCommandStep({ commands: { plan: nothing, run: nothing } }),
  httpRequestStep({ redactor: createRedactor() }),
  waitUntilStep({ sessions: { open: nothing } }),
  startTrafficStep({ traffic }),
  detectOutageStep({ traffic }),
  recoveredStep({ traffic }),
  stopTrafficStep({ traffic }),
];

const database = { engine: "postgresql", sandbox: null, host: "h", port: 1, user: "u", database: "d", password: null };

interface Sample {
  readonly uses: string;
  readonly with: Readonly<Record<string, unknown>>;
}

describe("docs/commands.md", () => {
  // The test itself fails on another shape.
  const samples = texts.filter((text) => text.startsWith("- ")).flatMap((text) => parse(text) as readonly Sample[]);

  test.each(samples)("the sample of $uses fits the step", ({ uses, with: given }) => {
    const step = steps.find((each) => each.uses === uses);
    const input = "on" in given ? { ...given, on: database } : given;
    expect(step?.with.safeParse(input).error).toBeUndefined();
  });

  test("every step of the page has a sample", () => {
    const titles = [...page.matchAll(/^## (\S+\/\S+)$/gmu)].map((match) => match[1]);
    expect(titles).toEqual(["command/run", "http/request", "wait/until"]);
    expect([...new Set(samples.map(({ uses }) => uses))]).toEqual(titles);
  });

  test("the configuration in it is one", () => {
    const [configuration = ""] = texts.filter((text) => text.startsWith("apiVersion"));
    expect(parseConfiguration("firedrill.yaml", configuration)).toMatchObject({
      kind: "ok",
      value: { commands: ["/usr/local/bin/failover.sh"] },
    });
  });
});

test("every field of these steps is described, and each can end by itself", () => {
  for (const step of steps) {
    // The base type of a step says nothing of its fields.
    const fields: Readonly<Record<string, z.ZodType>> = step.with.shape;
    expect(Object.entries(fields).filter(([, field]) => (field.description ?? "") === "")).toEqual([]);
    expect(step.defaultTimeoutMs).toBeGreaterThan(0);
  }
});

test("what is not safe to run twice says so, and asks nobody who cannot know", async () => {
  const doubtful = steps.filter((step) => !step.idempotent);
  expect(doubtful.map(({ uses }) => uses)).toEqual(["command/run", "http/request"]);
  expect(doubtful.every((step) => step.effect === "disruptive" && step.reconcile !== undefined)).toBe(true);
});
