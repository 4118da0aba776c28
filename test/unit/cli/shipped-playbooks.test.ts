import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildPlan } from "../../../src/drills/build-plan.ts";
import { loadInventory } from "../../../src/drills/load-inventory.ts";
import { loadPlaybook } from "../../../src/drills/load-playbook.ts";
import type { Parsed } from "../../../src/drills/parsed.ts";
import type { Plan } from "../../../src/drills/plan.ts";
import { analysePlan } from "../../../src/machines/analysis.ts";
import { dumpCharts } from "../../../src/machines/graph/dump-charts.ts";
import { formatFault } from "../../../src/support/errors.ts";
import { stepCatalogue } from "../../../src/wire.ts";

const FOLDER = join(import.meta.dirname, "../../../playbooks");
const catalogue = stepCatalogue();
const INVENTORY = `apiVersion: firedrill/v1
kind: Inventory
systems:
  - { name: orders, engine: postgresql, environment: test, backups: [{ path: ./backups, wal: ./wal }] }
`;

/** Of the parameters that have no default. */
const GIVEN: Readonly<Record<string, string>> = { until: "2026-11-21T03:00:00Z" };

function sound<T>(parsed: Parsed<T>): T {
  if (parsed.kind === "faults") throw new Error(parsed.faults.map((fault) => formatFault(fault)).join("\n"));
  return parsed.value;
}

function planOf(name: string): Plan {
  const text = readFileSync(join(FOLDER, name), "utf8");
  const playbook = sound(loadPlaybook({ file: `playbooks/${name}`, text }, catalogue));
  const inventory = sound(loadInventory({ file: "inventory.yaml", text: INVENTORY, baseDir: "/srv" }));
  const open = Object.entries(playbook.spec.params).filter(([, spec]) => spec.default === undefined);
  const params = Object.fromEntries(open.map(([param]) => [param, GIVEN[param] ?? ""]));
  const built = buildPlan({ playbook, inventory, systemName: "orders", params, catalogue });
  if (built.kind === "plan") return built.plan;
  throw new Error(built.faults.map((fault) => formatFault(fault)).join("\n"));
}

describe.each(readdirSync(FOLDER))("playbooks/%s", (name) => {
  test("is valid, can be planned, and its charts are sound", () => {
    expect(analysePlan(planOf(name))).toEqual([]);
  });

  test("has the charts that were agreed", async () => {
    const golden = `../../golden/charts/${name.replace(/\.yaml$/u, "")}.txt`;
    await expect(dumpCharts(planOf(name))).toMatchFileSnapshot(golden);
  });
});
