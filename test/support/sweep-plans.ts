import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPlan } from "../../src/drills/build-plan.ts";
import { loadInventory } from "../../src/drills/load-inventory.ts";
import { loadPlaybook } from "../../src/drills/load-playbook.ts";
import type { Parsed } from "../../src/drills/parsed.ts";
import type { Plan } from "../../src/drills/plan.ts";
import { formatFault } from "../../src/support/errors.ts";
import { stepCatalogue } from "../../src/wire.ts";
import { FIRST_PORT } from "./sweep-cluster.ts";
import { NODES } from "./sweep-world.ts";

const FOLDER = join(import.meta.dirname, "../../playbooks");

/** Of the parameters that have no default. */
const GIVEN: Readonly<Record<string, string>> = { until: "2026-11-21T03:00:00Z" };

/** Every playbook of the folder, planned as `firedrill run` plans it, for a system that has what each of them needs. */
export function shippedPlans(): Readonly<Record<string, Plan>> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
  return Object.fromEntries(files.map((file) => [file.replace(/\.yaml$/u, ""), planOf(file)]));
}

function planOf(file: string): Plan {
  const catalogue = stepCatalogue();
  const text = readFileSync(join(FOLDER, file), "utf8");
  const playbook = sound(loadPlaybook({ file: `playbooks/${file}`, text }, catalogue));
  const patroni = /uses: patroni\//u.test(text);
  const inventory = sound(loadInventory({ file: "inventory.yaml", text: inventoryText(patroni), baseDir: "/srv" }));
  const open = Object.entries(playbook.spec.params).filter(([, spec]) => spec.default === undefined);
  const params = Object.fromEntries(open.map(([param]) => [param, GIVEN[param] ?? ""]));
  const built = buildPlan({ playbook, inventory, systemName: "orders", params, catalogue });
  if (built.kind === "plan") return built.plan;
  throw new Error(built.faults.map((fault) => formatFault(fault)).join("\n"));
}

function sound<T>(parsed: Parsed<T>): T {
  if (parsed.kind === "faults") throw new Error(parsed.faults.map((fault) => formatFault(fault)).join("\n"));
  return parsed.value;
}

/** JSON is YAML. */
function inventoryText(patroni: boolean): string {
  const nodes = NODES.map((name, index) => ({
    name,
    host: "127.0.0.1",
    port: FIRST_PORT + index,
    dataDir: `/srv/pg/${name}`,
    ...(patroni ? { patroni: `http://127.0.0.1:${8008 + index}`, start: ["/bin/true"] } : {}),
  }));
  const system = { name: "orders", engine: "postgresql", environment: "test", nodes };
  const reads = { backups: [{ path: "./backups", wal: "./wal" }], newest: "select max(created_at) from orders" };
  return JSON.stringify({ apiVersion: "firedrill/v1", kind: "Inventory", systems: [{ ...system, ...reads }] });
}
