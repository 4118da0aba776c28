import { resolve } from "node:path";
import { deepFreeze } from "../support/deep-freeze.ts";
import type { Fault } from "../support/errors.ts";
import type { JsonObject } from "../support/json.ts";
import { checkNodes } from "./check-nodes.ts";
import type { NodeSpec, SystemSnapshot } from "./inventory.ts";
import { inventorySchema, type SystemSpec } from "./inventory-schema.ts";
import { type Draft, loadDocument } from "./load-document.ts";
import { orderFaults, type Parsed } from "./parsed.ts";
import { hasTemplate } from "./template.ts";
import { place, type YamlNode } from "./yaml-tree.ts";

/** An inventory that holds; paths are absolute, secrets still references. */
export interface InventoryDocument {
  readonly file: string;
  readonly sha256: string;
  /** In the order written; names are unique. */
  readonly systems: readonly SystemSnapshot[];
}

export interface InventoryInput {
  readonly file: string;
  readonly text: string | Uint8Array;
  /** Absolute folder of the file: relative paths in it start there. */
  readonly baseDir: string;
}

export function loadInventory(input: InventoryInput): Parsed<InventoryDocument> {
  const loaded = loadDocument(input, "Inventory", inventorySchema);
  if (loaded.kind === "faults") return { kind: "faults", faults: orderFaults(loaded.faults) };
  const { draft } = loaded;
  const faults = [
    ...draft.faults,
    ...duplicateNames(draft),
    ...checkNodes(draft),
    ...templateFaults(draft, draft.root),
  ];
  if (draft.spec === null || faults.length > 0) return { kind: "faults", faults: orderFaults(faults) };
  const systems = draft.spec.systems.map((spec) => snapshot(spec, input.baseDir));
  return { kind: "ok", value: deepFreeze({ file: input.file, sha256: draft.source.sha256, systems }) };
}

function duplicateNames(draft: Draft<unknown>): readonly Fault[] {
  const { node } = place(draft.root, ["systems"]);
  if (node?.kind !== "list") return [];
  const first = new Map<string, number>();
  return node.items.flatMap((_, index) => {
    const name = place(draft.root, ["systems", index, "name"]);
    if (name.node?.kind !== "scalar" || typeof name.node.value !== "string") return [];
    const before = first.get(name.node.value);
    if (before === undefined) first.set(name.node.value, name.valueOffset);
    if (before === undefined) return [];
    const { line } = draft.source.position(before);
    return [
      draft.source.fault(
        name.valueOffset,
        "DUPLICATE_SYSTEM",
        `system "${name.node.value}" is written twice, first on line ${line}`,
        "rename one",
      ),
    ];
  });
}

/** An inventory is data: `${{` in it could only be read by a step of a playbook that puts the value in. */
function templateFaults(draft: Draft<unknown>, node: YamlNode): readonly Fault[] {
  if (node.kind === "map") return [...node.entries.values()].flatMap((entry) => templateFaults(draft, entry.value));
  if (node.kind === "list") return node.items.flatMap((item) => templateFaults(draft, item));
  if (typeof node.value !== "string" || !hasTemplate(node.value)) return [];
  return [
    draft.source.fault(node.offset, "TEMPLATE_NOT_ALLOWED", "an inventory takes no templates", "write the value"),
  ];
}

function snapshot(spec: SystemSpec, baseDir: string): SystemSnapshot {
  const { credentials, endpoints, heartbeat } = spec;
  const nodes = nodesOf(spec, baseDir);
  return {
    name: spec.name,
    engine: spec.engine,
    environment: spec.environment ?? "unlabelled",
    owner: spec.owner ?? null,
    tier: spec.tier ?? null,
    tags: spec.tags,
    endpoints: { primary: endpoints.primary ?? null, replicas: endpoints.replicas },
    credentials: {
      user: credentials.user ?? null,
      password: credentials.password === undefined ? null : absoluteRef(credentials.password, baseDir),
      database: credentials.database ?? null,
      replication: credentials.replication === undefined ? null : replicationLogin(credentials.replication, baseDir),
    },
    nodes,
    client: {
      hosts: endpoints.client?.hosts ?? nodes.map((node) => node.endpoint),
      targetSessionAttrs: endpoints.client?.targetSessionAttrs ?? "read-write",
    },
    backups: spec.backups.map(({ kind, path, wal }) => ({
      kind,
      path: resolve(baseDir, path),
      wal: wal === undefined ? null : resolve(baseDir, wal),
    })),
    heartbeat: heartbeat === undefined ? null : { schema: heartbeat.schema, intervalMs: heartbeat.interval },
    newest: spec.newest ?? null,
    objectives: { rtoMs: spec.objectives.rto ?? null, rpoMs: spec.objectives.rpo ?? null },
    // Came out of a YAML tree, so it is JSON.
    extra: spec.extra as JsonObject,
  };
}

function absoluteRef(ref: string, baseDir: string): string {
  return ref.startsWith("file:") ? `file:${resolve(baseDir, ref.slice("file:".length))}` : ref;
}

function replicationLogin({ user, passfile }: { user: string; passfile?: string | undefined }, baseDir: string) {
  return { user, passfile: passfile === undefined ? null : resolve(baseDir, passfile) };
}

/** Written ones, or one for each endpoint: `primary`, `replica-1`, `replica-2`. */
function nodesOf({ nodes, endpoints }: SystemSpec, baseDir: string): readonly NodeSpec[] {
  if (nodes.length > 0) return nodes.map((node) => nodeOf(node, baseDir));
  const bare = { dataDir: null, bin: null, start: null, stop: null, supervisorPidFile: null, patroni: null };
  const primary = endpoints.primary === undefined ? [] : [{ name: "primary", endpoint: endpoints.primary, ...bare }];
  return [
    ...primary,
    ...endpoints.replicas.map((endpoint, index) => ({ name: `replica-${index + 1}`, endpoint, ...bare })),
  ];
}

function nodeOf(node: SystemSpec["nodes"][number], baseDir: string): NodeSpec {
  const path = (name: string | undefined): string | null => (name === undefined ? null : resolve(baseDir, name));
  return {
    name: node.name,
    endpoint: { host: node.host, port: node.port },
    dataDir: path(node.dataDir),
    bin: path(node.bin),
    start: node.start ?? null,
    stop: node.stop ?? null,
    supervisorPidFile: path(node.supervisorPidFile),
    patroni: node.patroni ?? null,
  };
}
