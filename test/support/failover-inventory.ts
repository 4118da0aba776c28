import type { SystemSnapshot } from "../../src/drills/inventory.ts";

/** An inventory file with the one system of a lab. JSON is YAML. */
export function failoverInventory({ name, environment, nodes, credentials }: SystemSnapshot): string {
  const system = {
    name,
    engine: "postgresql",
    environment,
    nodes: nodes.map((node) => ({ name: node.name, ...node.endpoint, dataDir: node.dataDir, bin: node.bin })),
    credentials,
  };
  return JSON.stringify({ apiVersion: "firedrill/v1", kind: "Inventory", systems: [system] });
}
