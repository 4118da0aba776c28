import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { z } from "zod";
import { loadInventory } from "../../../src/drills/load-inventory.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { holdStep } from "../../../src/steps/drill/hold.ts";
import { amcheckStep } from "../../../src/steps/postgres/amcheck.ts";
import { checksumsStep } from "../../../src/steps/postgres/checksums.ts";
import { fingerprintStep } from "../../../src/steps/postgres/fingerprint.ts";
import { freshnessStep } from "../../../src/steps/verify/freshness.ts";
import { rowsStep } from "../../../src/steps/verify/rows.ts";
import { schemaStep } from "../../../src/steps/verify/schema.ts";
import { sqlStep } from "../../../src/steps/verify/sql.ts";
import { fakeTraffic } from "../../support/traffic-fake.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/checks.md"), "utf8");

const nothing = () => Promise.reject(new Error("not called"));
const deps = {
  sessions: { open: nothing },
  content: { fingerprint: nothing, schema: nothing },
  baselines: { read: nothing },
  pages: { verify: nothing },
  traffic: fakeTraffic(),
};
const steps: readonly Step[] = [
  sqlStep(deps),
  rowsStep(deps),
  freshnessStep(deps),
  schemaStep(deps),
  amcheckStep(deps),
  checksumsStep(deps),
  fingerprintStep(deps),
  holdStep(deps),
];

/** What the documents' placeholders stand for. */
const VALUES: Readonly<Record<string, unknown>> = {
  "${{ steps.restore.outputs.database }}": {
    engine: "postgresql",
    sandbox: "s",
    host: "/s",
    port: 1,
    user: "u",
    database: "d",
    password: null,
  },
  "${{ steps.sandbox.outputs.sandbox }}": {
    kind: "process",
    id: "s",
    dir: "/s",
    port: 1,
    fence: "settings",
    uid: 1,
    gid: 1,
    expiresWallUs: 1,
  },
};

interface Sample {
  readonly uses: string;
  readonly with: Readonly<Record<string, unknown>>;
}

const samples = [...page.matchAll(/^```yaml\n([^]*?)^```/gmu)].flatMap(
  // The test itself fails on another shape.
  (match) => parse(match[1] ?? "") as readonly Sample[],
);

describe("docs/checks.md", () => {
  test.each(samples)("the sample of $uses fits the step", (sample) => {
    const step = steps.find(({ uses }) => uses === sample.uses);
    const input = Object.fromEntries(
      Object.entries(sample.with).map(([name, value]) => [
        name,
        typeof value === "string" ? (VALUES[value] ?? value) : value,
      ]),
    );
    expect(step?.with.safeParse(input).error).toBeUndefined();
  });

  test("every check has a sample and a line in the table", () => {
    // The planner makes `drill/hold` from `objectives.hold`; a playbook cannot write it.
    const written = steps.filter(({ uses }) => uses !== "drill/hold").map(({ uses }) => uses);
    expect(samples.map((sample) => sample.uses)).toEqual(expect.arrayContaining(written));
    for (const { uses } of steps) expect(page).toContain(`| \`${uses}\` |`);
  });
});

test("the sample of docs/heartbeat.md fits an inventory", () => {
  const sample = /^```yaml\n([^]*?)^```/mu.exec(readFileSync(join(root, "docs/heartbeat.md"), "utf8"))?.[1] ?? "";
  const text = `apiVersion: firedrill/v1\nkind: Inventory\nsystems:\n  - name: orders\n    engine: postgresql\n    ${sample}`;
  const loaded = loadInventory({ file: "inventory.yaml", text, baseDir: "/" });
  expect(loaded).toMatchObject({
    kind: "ok",
    value: { systems: [{ heartbeat: { schema: "firedrill", intervalMs: 10_000 } }] },
  });
});

test("every field of every check is described, and every check can end by itself", () => {
  for (const step of steps) {
    // The base type of a step says nothing of its fields.
    const fields: Readonly<Record<string, z.ZodType>> = step.with.shape;
    expect(Object.entries(fields).filter(([, field]) => (field.description ?? "") === "")).toEqual([]);
    expect(step.defaultTimeoutMs).toBeGreaterThan(0);
  }
});

test("docs/errors.md has every code that checks and heartbeat can say, and no other", () => {
  const table = readFileSync(join(root, "docs/errors.md"), "utf8");
  const section = table.slice(table.indexOf("## Checks and heartbeat")).split(/^## /mu)[1] ?? "";
  const listed = [...section.matchAll(/^\| `([A-Z_]+)` \|/gmu)].map((match) => match[1]);
  const folders = ["src/steps/verify", "src/steps/drill", "src/steps/disaster", "src/databases/postgres-content"];
  const files = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)));
  const own = [
    "amcheck",
    "amcheck-extension",
    "amcheck-relations",
    "checksums",
    "fingerprint",
    "single-value",
    "table-names",
  ].map((name) => join(root, "src/steps/postgres", `${name}.ts`));
  const text = [...files, ...own].map((file) => readFileSync(file, "utf8")).join("\n");
  const said = [
    ...text.matchAll(/(?:StepError\(\s*(?:"[a-z]+"|error\.class),\s*|say\(\s*|error: )"([A-Z]+_[A-Z_]+)/gu),
  ].map((match) => match[1]);
  expect(new Set(said)).toEqual(new Set(listed));
});
