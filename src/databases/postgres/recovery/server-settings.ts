import type { ServerSettings } from "../../../drills/facts.ts";
import type { RecoverRequest, Session } from "../../../steps/ports/postgres.ts";

/** What makes a restore faster or slower, or a time more honest: read back, not assumed. */
const RECORDED = [
  "autovacuum",
  "block_size",
  "checkpoint_timeout",
  "data_checksums",
  "effective_io_concurrency",
  "fsync",
  "full_page_writes",
  "maintenance_io_concurrency",
  "max_connections",
  "max_wal_size",
  "recovery_prefetch",
  "shared_buffers",
  "synchronous_commit",
  "wal_buffers",
  "wal_level",
  "wal_segment_size",
  "wal_sync_method",
] as const;

export async function readServerSettings(request: RecoverRequest, session: Session): Promise<ServerSettings> {
  const names = [...RECORDED, ...Object.keys(request.settings)];
  const rows = await session.query<{ name: string; value: string }>(
    `select s.name, pg_catalog.current_setting(s.name) as value from pg_catalog.pg_show_all_settings() s
      where s.name operator(pg_catalog.=) any($1) order by s.name`,
    [names],
  );
  return {
    kind: "server_settings",
    version: request.binaries.version,
    binaries: `${request.binaries.from}: ${request.binaries.bin}`,
    durability: request.durability,
    settings: Object.fromEntries(rows.map(({ name, value }) => [name, value])),
  };
}
