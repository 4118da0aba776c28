import type { NodeControl } from "../ports/node-control.ts";
import type { Replication } from "../ports/replication.ts";
import type { SystemFaults } from "../ports/system-faults.ts";

export interface FaultDeps {
  readonly control: NodeControl;
  readonly replication: Pick<Replication, "observe">;
  readonly faults: SystemFaults;
}
