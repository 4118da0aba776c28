import type { Fault } from "../support/errors.ts";
import { show } from "../support/printable.ts";
import type { JsonValue } from "../support/json.ts";
import type { Draft } from "./load-document.ts";
import { place, type Path } from "./yaml-tree.ts";
import { valueAt } from "./zod-faults.ts";

/** Nodes of a system that are told apart by neither name, address nor data directory, and endpoints that none of the written nodes has. */
export function checkNodes(draft: Draft<unknown>): readonly Fault[] {
  const systems = valueAt(draft.value, ["systems"]);
  if (!Array.isArray(systems)) return [];
  return systems.flatMap((_, index) => checkSystem(draft, ["systems", index]));
}

interface Written {
  readonly path: Path;
  readonly value: JsonValue;
}

function checkSystem(draft: Draft<unknown>, base: Path): readonly Fault[] {
  const nodes = listAt(draft, [...base, "nodes"]);
  const addresses = nodes.filter((node) => addressOf(node) !== null);
  return [
    ...repeated(draft, nodes, nameOf, (name, line) => ({
      code: "DUPLICATE_NODE",
      message: `node ${show(name)} is written twice, first on line ${line}`,
      hint: "rename one",
    })),
    ...repeated(draft, addresses, addressOf, (address, line) => ({
      code: "NODE_ADDRESS",
      message: `two nodes have the address ${address}, the first on line ${line}`,
      hint: "a node is one server: correct host or port, or remove one",
    })),
    ...repeated(draft, nodes, dataDirOf, (dir, line) => ({
      code: "NODE_DATA_DIR",
      message: `two nodes have the data directory ${show(dir)}, the first on line ${line}`,
      hint: "a data directory is one server's: correct or remove one",
    })),
    ...strayEndpoints(draft, base, addresses),
  ];
}

interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function repeated(
  draft: Draft<unknown>,
  nodes: readonly Written[],
  keyOf: (node: Written) => string | null,
  complain: (key: string, firstLine: number) => Complaint,
): readonly Fault[] {
  const first = new Map<string, Written>();
  return nodes.flatMap((node) => {
    const key = keyOf(node);
    if (key === null) return [];
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, node);
      return [];
    }
    return fault(
      draft,
      node.path,
      complain(key, draft.source.position(place(draft.root, before.path).valueOffset).line),
    );
  });
}

/** A system whose nodes are written has no other servers: one that is named as an endpoint only would never be looked at. */
function strayEndpoints(draft: Draft<unknown>, base: Path, nodes: readonly Written[]): readonly Fault[] {
  if (nodes.length === 0) return [];
  const known = new Set(nodes.map(addressOf));
  const primary = {
    path: [...base, "endpoints", "primary"],
    value: valueAt(draft.value, [...base, "endpoints", "primary"]),
  };
  const written = [
    ...(primary.value === undefined ? [] : [{ path: primary.path, value: primary.value }]),
    ...listAt(draft, [...base, "endpoints", "replicas"]),
  ];
  return written.flatMap((endpoint) => {
    const address = addressOf(endpoint);
    if (address === null || known.has(address)) return [];
    return fault(draft, endpoint.path, {
      code: "NODE_ENDPOINT",
      message: `${address} is none of the nodes: nodes and endpoints contradict each other`,
      hint: "write the same host and port at the node; where clients connect to stands under endpoints.client",
    });
  });
}

function fault(draft: Draft<unknown>, path: Path, { code, message, hint }: Complaint): readonly Fault[] {
  const spot = place(draft.root, path);
  return spot.tainted ? [] : [draft.source.fault(spot.valueOffset, code, message, hint)];
}

function listAt(draft: Draft<unknown>, path: Path): readonly Written[] {
  const list = valueAt(draft.value, path);
  return Array.isArray(list) ? list.map((value: JsonValue, index) => ({ path: [...path, index], value })) : [];
}

function nameOf({ value }: Written): string | null {
  const name = valueAt(value, ["name"]);
  return typeof name === "string" ? name : null;
}

function dataDirOf({ value }: Written): string | null {
  const dir = valueAt(value, ["dataDir"]);
  return typeof dir === "string" ? dir.replace(/(?<=.)\/+$/u, "") : null;
}

const DEFAULT_PORT = 5432;

function addressOf({ value }: Written): string | null {
  const host = valueAt(value, ["host"]);
  const port = valueAt(value, ["port"]) ?? DEFAULT_PORT;
  return typeof host === "string" && typeof port === "number" ? `${host.toLowerCase()}:${port}` : null;
}
