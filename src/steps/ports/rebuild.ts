import type { Rebuild } from "../../drills/facts.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { JsonObject } from "../../support/json.ts";
import type { Watch } from "./backup-source.ts";

/** Makes a server of this machine that does not stream, an old primary mostly, a standby of the present primary. */
export interface Rebuilder {
  /**
   * Stops the server, brings its data to the primary's history, starts it, and returns when it streams. May be called again after a crash at
   * any point: what the same `run` left half done is finished or done anew. A running primary is refused.
   * Throws `StepError`: `NODE_NOT_LOCAL`, `NODE_START`, `REBUILD_PRIMARY`, `REBUILD_FOREIGN`, `REBUILD_NOT_FOUND`, `REBUILD_METHOD`, `REBUILD_REWIND`,
   * `REBUILD_NOT_STREAMING`, `REBUILD_SWAP`, and those of `BackupMaker`.
   */
  rebuild(request: RebuildRequest, watch: Watch): Promise<Rebuilt>;
}

export interface RebuildRequest {
  readonly system: SystemSnapshot;
  readonly node: NodeSpec;
  readonly primary: NodeSpec;
  /** `auto`: follows when it never diverged, else pg_rewind where it can, else a new base copy. */
  readonly method: "auto" | Rebuild["method"];
  /** False: what only the old server has is kept as `<data directory>.diverged-<run>`. */
  readonly discardDivergent: boolean;
  /** Whose folders these are: the same for every attempt of one step. */
  readonly owner: {
    readonly installation: string;
    readonly run: string;
    readonly step: string;
    readonly token: string;
  };
  /** Called before a base copy is begun, with what the keeper of `backup-directory` takes. */
  beforeCopy(locator: JsonObject): Promise<void>;
}

export interface Rebuilt {
  readonly method: Rebuild["method"];
  readonly reason: string;
  /** Copied; null where no tool says it. */
  readonly bytes: number | null;
  /** Where the divergent data is kept; null: there is none, or it was discarded. */
  readonly kept: string | null;
  readonly streaming: Rebuild["streaming"];
}
