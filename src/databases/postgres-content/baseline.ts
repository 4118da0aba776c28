import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import type { Baseline, Baselines } from "../../steps/ports/checks.ts";
import type { Session } from "../../steps/ports/postgres.ts";
import { writeFileAtomic } from "../../support/atomic-file.ts";
import type { Clock } from "../../support/clock.ts";
import { errorCode } from "./error-code.ts";
import { baselineSchema } from "./baseline-schema.ts";
import { readFingerprint } from "./fingerprint.ts";
import { readSchema } from "./schema-snapshot.ts";

/** Our own schemas: a heartbeat that beats on is no difference. */
export const DEFAULT_EXCLUDED_SCHEMAS = ["firedrill", "firedrill_amcheck"] as const;

export interface TakeFingerprintOptions {
  readonly clock: Clock;
  readonly excludeSchemas?: readonly string[];
  onTable?(done: number, total: number): void;
}

/** Content and definitions of a database as they are now: what a later restore is compared with. */
export async function takeFingerprint(session: Session, options: TakeFingerprintOptions): Promise<Baseline> {
  const excludeSchemas = options.excludeSchemas ?? DEFAULT_EXCLUDED_SCHEMAS;
  const server = await identify(session);
  const taken = new Date(options.clock.wallUs() / 1000).toISOString();
  const schema = await readSchema(session, { excludeSchemas });
  const content = await readFingerprint(session, {
    excludeSchemas,
    tables: null,
    onTable: (done, total) => options.onTable?.(done, total),
  });
  const { lsn, database, ...rest } = server;
  return {
    schemaVersion: "firedrill/baseline/v1",
    takenAt: taken,
    lsn,
    server: rest,
    database,
    excludeSchemas: [...excludeSchemas],
    ...content,
    schema,
  };
}

type ServerRow = {
  readonly version: string;
  readonly num: number;
  readonly system_id: string | null;
  readonly lsn: string;
  readonly database: string;
};

/** The position is read before the content: a copy that reached it may still lack what was committed while we read. */
async function identify(session: Session) {
  const [row] = await session.query<ServerRow>(
    `select pg_catalog.current_setting('server_version') as version, pg_catalog.current_setting('server_version_num')::int4 as num,
       (select system_identifier::text from pg_catalog.pg_control_system()) as system_id, pg_catalog.current_database()::text as database,
       (case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end)::text as lsn`,
  );
  const { version = "", num = 0, system_id = null, lsn = "0/0", database = "" } = row ?? {};
  return { version, major: Math.floor(num / 10_000), systemIdentifier: system_id, lsn, database };
}

/** Replaces the file as a whole; readable by its owner only, because names and counts say much about a business. */
export async function writeBaseline(path: string, baseline: Baseline): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(baseline, null, 2)}\n`);
}

/** Errors: `BASELINE_MISSING`, `BASELINE_UNREADABLE` (not ours, damaged), `BASELINE_VERSION` (of a later program). */
export async function readBaseline(path: string, signal?: AbortSignal): Promise<Baseline> {
  const text = await readFile(path, { encoding: "utf8", ...(signal === undefined ? {} : { signal }) }).catch(
    (error: unknown) => {
      signal?.throwIfAborted();
      throw cannotRead(path, error);
    },
  );
  return parseBaseline(path, text);
}

/** Relative paths begin at `baseDir`. */
export function createBaselines(deps: { readonly baseDir: string }): Baselines {
  return { read: (path, signal) => readBaseline(resolve(deps.baseDir, path), signal) };
}

const TAKE_ONE = "take one of the original with `firedrill fingerprint`, best at the time of a backup";

function cannotRead(path: string, error: unknown): StepError {
  if (errorCode(error) === "ENOENT") {
    return new StepError("permanent", "BASELINE_MISSING", `there is no baseline ${path}`, {
      hint: TAKE_ONE,
      cause: error,
    });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new StepError("permanent", "BASELINE_UNREADABLE", `the baseline ${path} cannot be read: ${why}`, {
    hint: TAKE_ONE,
    cause: error,
  });
}

function parseBaseline(path: string, text: string): Baseline {
  const document = parseJson(path, text);
  const version = z.object({ schemaVersion: z.string() }).safeParse(document).data?.schemaVersion;
  if (version !== undefined && version !== "firedrill/baseline/v1") {
    throw new StepError(
      "permanent",
      "BASELINE_VERSION",
      `the baseline ${path} has the format ${JSON.stringify(version)}, this program reads firedrill/baseline/v1`,
      { hint: TAKE_ONE },
    );
  }
  const parsed = baselineSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined ? "" : `: ${issue.path.join(".")}: ${issue.message}`;
  throw new StepError("permanent", "BASELINE_UNREADABLE", `${path} is not a baseline${where}`, { hint: TAKE_ONE });
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StepError("permanent", "BASELINE_UNREADABLE", `${path} is not JSON`, { hint: TAKE_ONE, cause: error });
  }
}
