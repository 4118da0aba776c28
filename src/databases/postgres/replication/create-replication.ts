import { nodeDatabase } from "../../../drills/node-database.ts";
import type { Replication } from "../../../steps/ports/replication.ts";
import { followPrimary, repointStandby } from "./follow-primary.ts";
import { observeNode, type ObserveDeps } from "./observe-node.ts";
import { observeSettled } from "./observe-settled.ts";
import { promoteNode } from "./promote-node.ts";
import { tryWrite } from "./try-write.ts";

const CONNECT_TIMEOUT_MS = 5000;

/** {@link Replication} by SQL over the nodes' endpoints, with the system's credentials. */
export function createReplication(deps: ObserveDeps): Replication {
  const { sessions } = deps;
  return {
    observe: (system, nodes, options) => Promise.all(nodes.map((node) => observeNode(deps, system, node, options))),
    observeSettled: (system, nodes, options) => observeSettled(deps, system, nodes, options),
    promote: (system, node, signal) => promoteNode(deps, system, node, signal),
    repoint: (system, standby, primary, signal) => repointStandby(sessions, system, standby, primary, signal),
    follow: (system, standby, primary, signal) => followPrimary(deps, system, standby, primary, signal),
    async checkpoint(system, node, signal) {
      const options = { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: CONNECT_TIMEOUT_MS, signal };
      await using session = await sessions.open(nodeDatabase(system, node), options);
      await session.query("checkpoint");
    },
    tryWrite: (system, node, timeoutMs, signal) => tryWrite(sessions, system, node, timeoutMs, signal),
  };
}
