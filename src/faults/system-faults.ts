import type { Sessions } from "../steps/ports/postgres.ts";
import type { SystemFaults } from "../steps/ports/system-faults.ts";
import type { Clock } from "../support/clock.ts";
import type { RandomBytes } from "../support/ids.ts";
import { type DiskFill, diskFill } from "./disk-fill.ts";
import { type NetworkDrop, networkDrop } from "./network-drop.ts";
import { type ReplicationCut, replicationCut } from "./replication-cut.ts";

export interface SystemFaultsDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly sessions: Sessions;
  readonly installation: string;
  /** `PATH` in which nft and iptables are looked for. */
  readonly path: string;
  /** Folders whose file system is never filled: `/`, the temporary folder, the state directory. */
  readonly neededFolders: readonly string[];
}

/** The port for steps, and the other half of each fault for its keeper. */
export interface UndoableFaults extends SystemFaults {
  readonly undo: { readonly network: NetworkDrop; readonly disk: DiskFill; readonly replication: ReplicationCut };
}

export function createSystemFaults(deps: SystemFaultsDeps): UndoableFaults {
  const undo = { network: networkDrop(deps), disk: diskFill(deps), replication: replicationCut(deps) };
  return { network: undo.network.port, disk: undo.disk.port, replication: undo.replication.port, undo };
}
