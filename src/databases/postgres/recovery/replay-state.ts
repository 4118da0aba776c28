import type { Session } from "../../../steps/ports/postgres.ts";

/** One answer of a server in (or after) recovery. */
export interface ReplayState {
  readonly recovering: boolean;
  readonly paused: boolean;
  readonly lsn: string | null;
  /** The startup process has asked archive and pg_wal, got nothing, and waits before it asks again. */
  readonly waitsForMoreWal: boolean;
}

interface Row extends Readonly<Record<string, unknown>> {
  readonly recovering: boolean;
  readonly paused: boolean;
  readonly lsn: string | null;
  readonly wait: string | null;
}

/**
 * Names in full and no casts: a backup may bring functions, operators and casts of its own. `pg_get_wal_replay_pause_state`
 * came with 14; before, a requested pause and a pause look the same.
 */
export async function askReplayState(session: Session, major: number): Promise<ReplayState> {
  const paused =
    major >= 14
      ? "pg_catalog.pg_get_wal_replay_pause_state() operator(pg_catalog.=) 'paused'"
      : "pg_catalog.pg_is_wal_replay_paused()";
  const [row] = await session.query<Row>(
    `select r.recovering, case when r.recovering then ${paused} else false end as paused,
            pg_catalog.pg_last_wal_replay_lsn() as lsn,
            (select a.wait_event from pg_catalog.pg_stat_get_activity(null) a
              where a.backend_type operator(pg_catalog.=) 'startup') as wait
       from (select pg_catalog.pg_is_in_recovery() as recovering) r`,
  );
  return {
    recovering: row?.recovering ?? true,
    paused: row?.paused ?? false,
    lsn: row?.lsn ?? null,
    waitsForMoreWal: row?.wait === "RecoveryRetrieveRetryInterval",
  };
}
