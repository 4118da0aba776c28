import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { NodeControl } from "../ports/node-control.ts";
import type { NodeView, Replication } from "../ports/replication.ts";

const LOOK_MS = 1000;

export interface OwnDataDeps {
  readonly control: Pick<NodeControl, "port">;
  readonly replication: Pick<Replication, "observe">;
}

/**
 * Is the server in the node's data directory the one at its endpoint? By signals and files we would act on the one, by SQL on the
 * other. Asks only where the ports differ, as they may behind an address translation. Throws `NODE_MISMATCH`.
 */
export async function requireOwnData(
  { control, replication }: OwnDataDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  { view: seen = null, signal }: { readonly view?: NodeView | null; readonly signal: AbortSignal },
): Promise<void> {
  if (node.dataDir === null) return;
  const port = await control.port(node);
  if (port === null || port === node.endpoint.port) return;
  const [view] = seen === null ? await replication.observe(system, [node], { timeoutMs: LOOK_MS, signal }) : [seen];
  if (view !== undefined && view.kind !== "unreachable" && view.port === port) return;
  const owner = system.nodes.find(({ name, endpoint }) => name !== node.name && endpoint.port === port);
  // It does not answer, and nobody else claims that port: it may be its own, under another number.
  if (view?.kind === "unreachable" && owner === undefined) return;
  const whose = owner === undefined ? "another server" : owner.name;
  throw new StepError(
    "permanent",
    "NODE_MISMATCH",
    `${node.dataDir} is not the data directory of ${node.name} (port ${node.endpoint.port}): the server that works there listens on port ${port}, as ${whose} does`,
    { hint: "correct `dataDir`, or host and port, of the node in the inventory; nothing was done", details: { port } },
  );
}
