import type { BackupMaker } from "../../../steps/ports/backup-maker.ts";
import type { Watch } from "../../../steps/ports/backup-source.ts";
import type { NodeControl } from "../../../steps/ports/node-control.ts";
import type { Binaries, Sessions } from "../../../steps/ports/postgres.ts";
import type { RebuildRequest } from "../../../steps/ports/rebuild.ts";
import type { PrimaryView, Replication } from "../../../steps/ports/replication.ts";
import type { Clock } from "../../../support/clock.ts";
import type { RebuildPlace } from "./rebuild-place.ts";

export interface RebuilderDeps {
  readonly sessions: Sessions;
  readonly binaries: Binaries;
  readonly control: NodeControl;
  readonly replication: Replication;
  readonly maker: BackupMaker;
  readonly clock: Clock;
  /** Our user; 0 may become the owner of the data directory. */
  readonly uid: number;
  /** Value of a secret reference. */
  secret(ref: string): Promise<string>;
}

/** What every part of one rebuild needs. */
export interface RebuildWork {
  readonly deps: RebuilderDeps;
  readonly request: RebuildRequest;
  readonly place: RebuildPlace;
  readonly primary: PrimaryView;
  /** `primary_conninfo` that it will have. */
  readonly conninfo: string;
  readonly watch: Watch;
}
