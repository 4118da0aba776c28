import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { DatabaseRef } from "../drills/database-ref.ts";
import { StepError } from "../drills/step-error.ts";
import type { Session } from "../steps/ports/postgres.ts";
import type { SystemFaults } from "../steps/ports/system-faults.ts";
import { instant } from "../support/clock.ts";
import { incomplete, readLocator } from "./fault-errors.ts";
import type { SystemFaultsDeps } from "./system-faults.ts";
import type { JsonObject } from "../support/json.ts";
import type { Undo } from "./undo.ts";

export interface ReplicationCut extends Undo {
  readonly port: SystemFaults["replication"];
  /**
   * Whoever repoints a cut standby makes the slot it asks for; once nobody uses it, it only keeps WAL for ever. `mayNotEnd` is called
   * once where somebody goes on using it whose connection the login may not end.
   */
  dropSlots(locator: JsonObject, mayNotEnd: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** A standby that receives is made to connect anew; the cut is undone before and after. */
  reconnect(locator: JsonObject, signal: AbortSignal): Promise<void>;
}

export const CUT_PREFIX = "firedrill_cut_";
const PATIENCE_MS = 15_000;
const LETTING_GO_MS = 1000;
const POLL_MS = 5;

/**
 * Names a replication slot that does not exist: the standby connects again and again and is refused. The connection's own
 * settings, which may hold a password, are neither read nor written (PostgreSQL 13 and later take both on reload).
 */
export function replicationCut(deps: SystemFaultsDeps): ReplicationCut {
  return {
    port: {
      plan: (standby, _run, signal) => within(deps, standby, signal, (session) => planCut(session, standby, deps)),
      async cut(locator, signal) {
        const { database, slot } = readLocator(locatorSchema, locator);
        return within(deps, { ...database, sandbox: null }, signal, (session) => cut(session, slot, deps, signal));
      },
      async isCut(locator, signal) {
        const { database, slot } = readLocator(locatorSchema, locator);
        return (await slotSetting(deps, database, signal)).setting === slot;
      },
    },
    async undo(locator, signal) {
      const { database, previous } = readLocator(locatorSchema, locator);
      await within(deps, { ...database, sandbox: null }, signal, (session) => uncut(session, previous));
    },
    async reconnect(locator, signal) {
      const { database, previous } = readLocator(locatorSchema, locator);
      await within(deps, { ...database, sandbox: null }, signal, (session) => reconnect(session, previous, signal));
    },
    async dropSlots(locator, mayNotEnd, signal) {
      const { database } = readLocator(locatorSchema, locator);
      await within(deps, { ...database, sandbox: null }, signal, async (session) => {
        const limit = AbortSignal.timeout(PATIENCE_MS);
        const patience = AbortSignal.timeout(LETTING_GO_MS);
        let refused: StepError | null = null;
        // A standby lets go of it when it has read its settings again.
        while (await slotsLeft(session)) {
          signal.throwIfAborted();
          if (limit.aborted && refused !== null) throw refused;
          if (limit.aborted) return;
          if (patience.aborted && refused === null) {
            refused = await endSenders(session);
            if (refused !== null) await mayNotEnd();
          }
          await delay(POLL_MS);
        }
      });
    },
    async verifyGone(locator, signal) {
      const { database } = readLocator(locatorSchema, locator);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
      for (;;) {
        const { setting } = await slotSetting(deps, database, signal);
        const slots = await within(deps, { ...database, sandbox: null }, signal, cutSlots);
        const gone = !setting.startsWith(CUT_PREFIX) && slots.length === 0;
        const left = slots.length === 0 ? "" : `, slots ${slots.join(", ")}`;
        const how = `${database.host}:${database.port}: primary_slot_name = '${setting}'${left}`;
        if (gone || limit.aborted) return { gone, how };
        await delay(POLL_MS);
      }
    },
  };
}

const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/u);
const locatorSchema = z.object({
  slot: slotName.startsWith(CUT_PREFIX),
  /** Null: it was not set by ALTER SYSTEM. */
  previous: slotName.or(z.literal("")).nullable(),
  database: z.object({
    engine: z.literal("postgresql"),
    host: z.string(),
    port: z.number().int(),
    user: z.string(),
    database: z.string(),
    password: z.string().nullable(),
  }),
});
type Database = z.output<typeof locatorSchema>["database"];

async function planCut(session: Session, standby: DatabaseRef, deps: SystemFaultsDeps) {
  const { setting, sourcefile } = await readSlot(session);
  const [archive] = await session.query<{ there: boolean }>(
    "select setting <> '' as there from pg_settings where name = 'restore_command'",
  );
  const byUs =
    sourcefile !== null && basename(sourcefile) === "postgresql.auto.conf" && !setting.startsWith(CUT_PREFIX);
  const { engine, host, port, user, database, password } = standby;
  const slot = `${CUT_PREFIX}${Buffer.from(deps.random(6)).toString("hex")}`;
  const locator = { slot, previous: byUs ? setting : null, database: { engine, host, port, user, database, password } };
  return { locator, archive: archive?.there ?? false };
}

/** The receiver ends when the server has read the new name, unless replay is paused: it looks at the end of what it received. */
async function cut(session: Session, slot: string, deps: SystemFaultsDeps, signal: AbortSignal) {
  const begun = instant(deps.clock);
  await session.query(setSlot(slot));
  await session.query("select pg_reload_conf()");
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  while (await receives(session, slot)) {
    signal.throwIfAborted();
    if (limit.aborted) {
      throw incomplete(
        `the standby still receives ${PATIENCE_MS / 1000} s after it was told not to`,
        "is its replay paused or far behind? It ends its receiver when it has replayed what it received",
      );
    }
    await delay(POLL_MS);
  }
  const done = instant(deps.clock);
  const [last] = await session.query<{ lsn: string | null }>("select pg_last_wal_receive_lsn()::text as lsn");
  return {
    begun,
    done,
    detail: `received up to ${last?.lsn ?? "nothing"}; it asks for the slot ${slot}, which does not exist`,
  };
}

/** Another server, or a copy of one, may stand there by now: only a cut is undone, whichever of ours it is. */
async function uncut(session: Session, previous: string | null): Promise<void> {
  if (!(await readSlot(session)).setting.startsWith(CUT_PREFIX)) return;
  await session.query(previous === null ? "alter system reset primary_slot_name" : setSlot(previous));
  await session.query("select pg_reload_conf()");
}

/**
 * A server ends its receiver when its settings change while it receives (xlogrecovery.c, StartupRereadConfig). They change for a moment:
 * to a slot that does not exist, and, whatever becomes of that, back.
 */
async function reconnect(session: Session, previous: string | null, signal: AbortSignal): Promise<void> {
  const before = await receiverOf(session);
  if (before === null) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(RECONNECT_MS)]);
  try {
    await session.query(setSlot(`${CUT_PREFIX}anew`));
    await session.query("select pg_reload_conf()");
    while (!limit.aborted && (await receiverOf(session)) === before) await delay(POLL_MS);
  } finally {
    await uncut(session, previous);
  }
}

const RECONNECT_MS = 5000;

async function receiverOf(session: Session): Promise<string | null> {
  const [row] = await session.query<{ pid: string }>("select pid::text from pg_stat_wal_receiver");
  return row?.pid ?? null;
}

/** One that asks for the slot gets nothing. */
async function receives(session: Session, slot: string): Promise<boolean> {
  const rows = await session.query("select 1 from pg_stat_wal_receiver where slot_name is distinct from $1", [slot]);
  return rows.length > 0;
}

const CUT_SLOTS = `slot_name::text ^@ '${CUT_PREFIX}'`;

/** Drops what nobody uses; says whether some are still in use. */
async function slotsLeft(session: Session): Promise<boolean> {
  await session.query(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots where ${CUT_SLOTS} and not active`,
  );
  return (await cutSlots(session)).length > 0;
}

/**
 * A receiver that waited for a new timeline goes on with its old connection, and so with the old slot, whatever its settings say by
 * then (walreceiver.c, WalRcvWaitForStartPosition). Its next connection asks for no slot of ours. Gives the error of a login that may
 * not end it: `pg_signal_backend` does not reach the connection of a superuser.
 */
async function endSenders(session: Session): Promise<StepError | null> {
  try {
    await session.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where ${CUT_SLOTS} and active_pid is not null`,
    );
    return null;
  } catch (error) {
    if (error instanceof StepError && error.details["sqlstate"] === INSUFFICIENT_PRIVILEGE) return error;
    throw error;
  }
}

const INSUFFICIENT_PRIVILEGE = "42501";

async function cutSlots(session: Session): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `select slot_name::text as name from pg_replication_slots where ${CUT_SLOTS} order by 1`,
  );
  return rows.map(({ name }) => name);
}

interface SlotSetting {
  readonly setting: string;
  readonly sourcefile: string | null;
}

async function readSlot(session: Session): Promise<SlotSetting> {
  const [row] = await session.query<{ setting: string; sourcefile: string | null }>(
    "select setting, sourcefile from pg_settings where name = 'primary_slot_name'",
  );
  return row ?? { setting: "", sourcefile: null };
}

function slotSetting(deps: SystemFaultsDeps, database: Database, signal: AbortSignal): Promise<SlotSetting> {
  return within(deps, { ...database, sandbox: null }, signal, readSlot);
}

/** Checked by the locator's schema: nothing in it needs quoting. */
const setSlot = (slot: string): string => `alter system set primary_slot_name = '${slot}'`;

async function within<T>(
  { sessions }: SystemFaultsDeps,
  database: DatabaseRef,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const limits = { readOnly: false, statementTimeoutMs: 5000, connectTimeoutMs: 3000, signal };
  await using session = await sessions.open(database, limits);
  return await work(session);
}
