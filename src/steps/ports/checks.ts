import type { Session } from "./postgres.ts";
import type { Watch } from "./backup-source.ts";

/** Reads every page of a cluster's files and verifies its checksum. The server may be running. */
export interface PageVerifier {
  verify(request: PageRequest, watch: Watch): Promise<PageReport>;
}

export interface PageRequest {
  readonly dataDir: string;
  /** Files that a link leads to must be in here too. */
  readonly root: string;
  /** `block_size`, bytes. */
  readonly blockBytes: number;
  /** `segment_size`, pages of a file before the next one begins. */
  readonly segmentBlocks: number;
}

export interface PageReport {
  readonly files: number;
  readonly pages: number;
  readonly bytes: number;
  readonly durationUs: number;
  /** The first hundred, in no order; `badCount` says how many there are. */
  readonly bad: readonly BadPage[];
  readonly badCount: number;
}

export interface BadPage {
  /** Below the data directory. */
  readonly file: string;
  /** Block number in the relation's fork, segments counted through. */
  readonly block: number;
  readonly reason: "checksum" | "short";
}

/** Reads what a database holds: digests of its tables, and its definitions. Inside the caller's session. */
export interface ContentReader {
  fingerprint(session: Session, options: FingerprintOptions): Promise<Fingerprint>;
  schema(session: Session, options: SchemaOptions): Promise<SchemaSnapshot>;
}

export interface SchemaOptions {
  /** Schemas that are not looked at; those of the system and of extensions never are. */
  readonly excludeSchemas: readonly string[];
}

export interface FingerprintOptions extends SchemaOptions {
  /** `schema.table` as PostgreSQL quotes it; null: all. */
  readonly tables: readonly string[] | null;
  onTable?(done: number, total: number): void;
}

/** What tables hold, by their quoted names. Text where a number could be over 2^53. */
export interface Fingerprint {
  readonly tables: Readonly<Record<string, TableDigest>>;
  /** Tables whose content cannot or must not be compared, with the reason. */
  readonly excluded: Readonly<Record<string, string>>;
  readonly sequences: Readonly<Record<string, SequenceState>>;
}

export interface TableDigest {
  readonly rows: string;
  /** 32 hexadecimal digits: two sums of 64-bit row hashes. */
  readonly digest: string;
}

export interface SequenceState {
  /** Null: never used. */
  readonly last: string | null;
  readonly start: string;
  readonly increment: string;
  readonly cache: string;
}

/** Definitions by kind, then by quoted name, then by attribute: all text, so that one comparison serves them all. */
export type SchemaSnapshot = Readonly<Record<SchemaKind, Readonly<Record<string, Definition>>>>;
export type SchemaKind =
  | "tables"
  | "columns"
  | "indexes"
  | "constraints"
  | "sequences"
  | "views"
  | "functions"
  | "triggers"
  | "extensions";
export type Definition = Readonly<Record<string, string>>;

/** Taken at backup time, compared with after a restore. One file serves `verify/schema` and `postgres/fingerprint`. */
export interface Baseline extends Fingerprint {
  readonly schemaVersion: "firedrill/baseline/v1";
  readonly takenAt: string;
  /** WAL position the content belongs to. */
  readonly lsn: string;
  readonly server: { readonly version: string; readonly major: number; readonly systemIdentifier: string | null };
  readonly database: string;
  readonly excludeSchemas: readonly string[];
  readonly schema: SchemaSnapshot;
}

export interface Baselines {
  /** `path` is absolute or relative to the working directory. Errors: `BASELINE_MISSING`, `BASELINE_UNREADABLE`, `BASELINE_VERSION`. */
  read(path: string, signal: AbortSignal): Promise<Baseline>;
}
