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
  };
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
