import type { JsonObject } from "../support/json.ts";

/** A system as the plan keeps it: references to secrets, never secrets. */
export interface SystemSnapshot {
  readonly name: string;
  readonly engine: "postgresql";
  readonly environment: "production" | "staging" | "test" | "development" | "unlabelled";
  readonly owner: string | null;
  readonly tier: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly endpoints: { readonly primary: Endpoint | null; readonly replicas: readonly Endpoint[] };
  readonly credentials: {
    readonly user: string | null;
    readonly password: SecretRef | null;
    readonly database: string | null;
    /** Login of standbys; null: `user`, without a password file. */
    readonly replication: ReplicationLogin | null;
  };
  /** The servers, primary or standby as it happens; made from `endpoints` where the inventory names none. */
  readonly nodes: readonly NodeSpec[];
  /** How applications reach the service; all nodes with `read-write` where the inventory does not say. */
  readonly client: { readonly hosts: readonly Endpoint[]; readonly targetSessionAttrs: "any" | "read-write" };
  readonly backups: readonly BackupLocation[];
  readonly heartbeat: { readonly schema: string; readonly intervalMs: number } | null;
  /** A declared query for the newest commit, `select max(created_at) from orders`. */
  readonly newest: string | null;
  readonly objectives: { readonly rtoMs: number | null; readonly rpoMs: number | null };
  readonly extra: JsonObject;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ReplicationLogin {
  readonly user: string;
  /** Absolute path of a libpq password file on the standby's machine, or null. */
  readonly passfile: string | null;
}

/** One database server of a system. Which one is the primary is asked, never assumed. */
export interface NodeSpec {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Absolute data directory when this machine runs the server; null: it can be reached over its endpoint only. */
  readonly dataDir: string | null;
  /** Folder of its server programs; null: found by the major of the data directory. */
  readonly bin: string | null;
  /** Argument lists that start and stop it (`[systemctl, start, ...]`); null: the server program itself. */
  readonly start: readonly string[] | null;
  readonly stop: readonly string[] | null;
  /** File with the pid of what keeps it running (Patroni); null: nothing does. */
  readonly supervisorPidFile: string | null;
  /** Base URL of its Patroni REST API, or null. */
  readonly patroni: string | null;
}

/** `env:NAME`, `file:/path` (and `aws-secretsmanager:...` later). Resolved at the moment of use only. */
export type SecretRef = string;

/** Where base backups and archived WAL are. Paths are absolute in the plan. */
export interface BackupLocation {
  readonly kind: "directory";
  /** Folder whose sub-folders are base backups (or one base backup itself). */
  readonly path: string;
  /** WAL archive; null when backups carry their own WAL only. */
  readonly wal: string | null;
}
