import { z } from "zod";
import { databaseRefSchema, type DatabaseRef } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { printable } from "../../support/printable.ts";
import type { Session, Sessions } from "../ports/postgres.ts";
import { type Amcheck, prepareAmcheck } from "./amcheck-extension.ts";
import { type Relation, selectRelations } from "./amcheck-relations.ts";
import { CONNECT_TIMEOUT_MS } from "./timeouts.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  heapallindexed: z
    .boolean()
    .default(false)
    .describe("Also prove that every row of a table is in each of its indexes; slower. Default false."),
  tables: z
    .array(z.string().min(1).max(300))
    .min(1)
    .max(500)
    .optional()
    .describe("Only these tables with their indexes and TOAST. Default: all, catalogs included."),
  jobs: z.int().min(1).max(16).default(4).describe("How many relations are checked at the same time. Default 4."),
});

const outputSchema = z.object({
  tables: z.number().int().describe("Tables checked."),
  indexes: z.number().int().describe("Indexes checked."),
  corrupted: z.array(z.object({ relation: z.string(), message: z.string() })).describe("What was found broken."),
});

/**
 * Structure of every btree index (`bt_index_check`) and every table (`verify_heapam`, PostgreSQL 14) (manual: F.1). The
 * extension is put into the copy for the length of the check.
 */
export function amcheckStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "postgres/amcheck",
    summary: "Checks the structure of all tables and btree indexes with amcheck.",
    role: "check",
    effect: "sandbox",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      await using session = await open(deps.sessions, input.on, ctx.signal);
      const selection = await selectRelations(session, input.tables ?? null);
      if (selection.kind === "missing")
        return answer([], [], [{ relation: selection.text, message: "cannot be checked" }]);
      await using amcheck = await prepareAmcheck(session, input.on);
      const skip = (relation: Relation): boolean =>
        relation.uncheckable !== null || (relation.kind === "table" && !amcheck.heap);
      const todo = selection.relations.filter((relation) => !skip(relation));
      const check = (worker: Session, relation: Relation): Promise<Finding | null> =>
        checkRelation(worker, amcheck, relation, input.heapallindexed);
      const findings = await inParallel(todo, {
        jobs: input.jobs,
        session,
        open: () => open(deps.sessions, input.on, ctx.signal),
        check,
        ctx,
      });
      return answer(selection.relations, todo, findings);
    },
  });
}

/** No statement timeout: the step's own deadline bounds it. */
function open(sessions: Sessions, database: DatabaseRef, signal: AbortSignal): Promise<Session> {
  return sessions.open(database, {
    readOnly: false,
    statementTimeoutMs: 0,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    signal,
  });
}

interface Finding {
  readonly relation: string;
  readonly message: string;
}

interface Work {
  readonly jobs: number;
  readonly session: Session;
  open(): Promise<Session>;
  check(session: Session, relation: Relation): Promise<Finding | null>;
  readonly ctx: StepContext;
}

/** Workers take the next relation from one queue, each on a connection of its own; the first one uses that we have. */
async function inParallel(todo: readonly Relation[], work: Work): Promise<readonly Finding[]> {
  const queue = todo.values();
  const findings: Finding[] = [];
  let done = 0;
  let broken = false;
  const drain = async (session: Session): Promise<void> => {
    for (const relation of queue) {
      if (broken) return;
      const finding = await work.check(session, relation).catch((error: unknown) => {
        broken = true;
        throw error;
      });
      if (finding !== null) findings.push(finding);
      done += 1;
      work.ctx.progress({ what: "checking tables and indexes", done, total: todo.length, unit: "tables" });
    }
  };
  const more = Array.from({ length: Math.min(work.jobs, todo.length) - 1 }, async () => {
    await using session = await work.open();
    await drain(session);
  });
  // All must have ended before the extension is taken out.
  const ended = await Promise.allSettled([drain(work.session), ...more]);
  const failed = ended.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return findings;
}

/** `on_error_stop`: the first broken block names the table; a thousand more would not make it clearer. */
async function checkRelation(
  session: Session,
  amcheck: Amcheck,
  relation: Relation,
  heapallindexed: boolean,
): Promise<Finding | null> {
  try {
    if (relation.kind === "index") {
      await session.query(`select ${amcheck.schema}.bt_index_check($1::pg_catalog.oid::pg_catalog.regclass, $2)`, [
        relation.oid,
        heapallindexed,
      ]);
      return null;
    }
    const [row] = await session.query<{ readonly place: string; readonly msg: string }>(
      `select pg_catalog.concat_ws(', ', 'block ' || blkno, 'tuple ' || offnum, 'column ' || attnum) as place, msg
       from ${amcheck.schema}.verify_heapam($1::pg_catalog.oid::pg_catalog.regclass, on_error_stop => true, check_toast => true) limit 1`,
      [relation.oid],
    );
    return row === undefined ? null : { relation: relation.name, message: `${row.place}: ${row.msg}` };
  } catch (error) {
    const message = damage(error);
    if (message === null) throw error;
    return { relation: relation.name, message };
  }
}

/**
 * What a damaged relation makes the server say: data or index corrupted (XX001, XX002), an internal error on impossible
 * content (XX000), a file that is missing or cannot be read (58P01, 58030). Null: not the data's fault.
 */
function damage(error: unknown): string | null {
  if (!(error instanceof StepError)) return null;
  const state = error.details["sqlstate"];
  const ofData = typeof state === "string" && /^(?:XX00[012]|58P01|58030)$/u.test(state);
  // The extension's own library is the server's fault, also by 58P01.
  return ofData && !/could not (?:access|load)/u.test(error.message) ? error.message : null;
}

const MAX_NAMED = 5;

function answer(all: readonly Relation[], checked: readonly Relation[], findings: readonly Finding[]) {
  const corrupted = findings.map(({ relation, message }) => ({ relation, message: printable(message, 300) }));
  const named = corrupted.slice(0, MAX_NAMED).map(({ relation, message }) => `${printable(relation, 140)}: ${message}`);
  const more = corrupted.length > MAX_NAMED ? [`and ${corrupted.length - MAX_NAMED} more`] : [];
  const tables = checked.filter(({ kind }) => kind === "table").length;
  const indexes = checked.length - tables;
  const good = `${tables} tables and ${indexes} indexes are sound`;
  return {
    kind: "check" as const,
    passed: corrupted.length === 0 && checked.length > 0,
    outputs: { tables, indexes, corrupted },
    check: {
      title: "structure of tables and indexes (amcheck)",
      expected: "nothing corrupted",
      actual: corrupted.length > 0 ? [...named, ...more].join("; ") : `${good}${leftOut(all, checked)}`,
      coverage: { checked: checked.length, total: all.length, unit: "tables and indexes" },
    },
  };
}

/** `; not checked: 2 gin index, 1 invalid index`. */
function leftOut(all: readonly Relation[], checked: readonly Relation[]): string {
  const done = new Set(checked);
  const counts = new Map<string, number>();
  for (const relation of all) {
    if (done.has(relation)) continue;
    const why = relation.uncheckable ?? "table (needs PostgreSQL 14)";
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  if (counts.size === 0) return "";
  return `; not checked: ${[...counts].map(([why, count]) => `${count} ${why}`).join(", ")}`;
}
