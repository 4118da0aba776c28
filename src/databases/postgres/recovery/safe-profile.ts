import type { SandboxRef } from "../../../drills/sandbox-ref.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { ControlFile } from "../../../formats/postgres/control-file.ts";

/**
 * Settings that keep a restored copy from acting on production (docs/safety.md). They are given on the server's command
 * line, which wins over every file that a backup brings along, and are asked back before the copy is used.
 */
export const SAFE_PROFILE: Readonly<Record<string, string>> = {
  archive_mode: "off",
  archive_command: "",
  archive_cleanup_command: "",
  recovery_end_command: "",
  primary_conninfo: "",
  primary_slot_name: "",
  synchronous_standby_names: "",
  max_logical_replication_workers: "0",
  session_preload_libraries: "",
  local_preload_libraries: "",
  ssl: "off",
};

/** Known background workers that act on their own, and the setting that stops each, when its library is preloaded. */
const SCHEDULERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pg_cron: { "cron.launch_active_jobs": "off" },
  timescaledb: { "timescaledb.max_background_workers": "0" },
  pg_partman_bgw: { "pg_partman_bgw.dbname": "" },
};

/**
 * Login triggers come with the backup and would run in our own sessions, also while nothing can be written (manual: 38.1.1);
 * the others would act on what a drill creates.
 */
const SINCE_17: Readonly<Record<string, string>> = { event_triggers: "off" };

/**
 * Libraries whose workers reach other systems by themselves, with no setting that stops them: replication of its own
 * (subscriptions stand in tables), clusters, requests over HTTP, a port of its own. Only where no packet leaves.
 */
const OUTGOING: ReadonlySet<string> = new Set([
  "bdr",
  "bgw_replstatus",
  "citus",
  "pg_failover_slots",
  "pg_net",
  "pgactive",
  "pgautofailover",
  "pglogical",
  "repmgr",
  "spock",
]);

/** Owned by the way the copy is started; a playbook may not set them either. */
const STARTUP_OWNED = [
  "archive_library",
  "config_file",
  "data_directory",
  "external_pid_file",
  "fsync",
  "full_page_writes",
  "hba_file",
  "hot_standby",
  "ident_file",
  "include",
  "include_dir",
  "include_if_exists",
  "lc_messages",
  "listen_addresses",
  "log_destination",
  "log_line_prefix",
  "logging_collector",
  "password_encryption",
  "port",
  "restore_command",
  "shared_preload_libraries",
  "synchronous_commit",
  "unix_socket_directories",
  "unix_socket_permissions",
] as const;

/** Names (lower case) that `settings:` of a restore must not contain; `recovery_target*` are refused besides. */
export const RESERVED_SETTINGS: ReadonlySet<string> = new Set<string>([
  ...Object.keys(SAFE_PROFILE),
  ...Object.keys(SINCE_17),
  ...Object.values(SCHEDULERS).flatMap((settings) => Object.keys(settings)),
  ...STARTUP_OWNED,
]);

export function safeProfile(preload: readonly string[], major: number): Readonly<Record<string, string>> {
  const schedulers = Object.assign({}, ...preload.map((library) => SCHEDULERS[library] ?? {})) as Record<
    string,
    string
  >; // Boundary: Object.assign loses the type.
  const triggers = major >= 17 ? SINCE_17 : {};
  return { ...SAFE_PROFILE, ...triggers, ...schedulers, shared_preload_libraries: preload.join(",") };
}

/** Throws `RESTORE_PRELOAD`, before anything is started. */
export function requireFenceFor(preload: readonly string[], fence: SandboxRef["fence"]): void {
  const outgoing = preload.filter((library) => OUTGOING.has(library));
  if (fence === "network-namespace" || outgoing.length === 0) return;
  throw new StepError(
    "permanent",
    "RESTORE_PRELOAD",
    `${outgoing.join(", ")} would reach other systems from the restored copy, and the fence of this sandbox is settings only`,
    { hint: "leave it out of `preload:`, or create the sandbox with `fence: network-namespace`" },
  );
}

/**
 * A server in recovery stops replay when one of these is smaller than on its primary (manual: 26.4.3). The control file has
 * the primary's values at the time of the backup; a playbook may ask for more, where the primary raised them later.
 */
export function primarySettings(
  control: ControlFile,
  wanted: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const atLeast = (name: string, value: number): string => String(Math.max(value, Number(wanted[name] ?? 0) || 0));
  return {
    max_connections: atLeast("max_connections", control.maxConnections),
    max_worker_processes: atLeast("max_worker_processes", control.maxWorkerProcesses),
    max_wal_senders: atLeast("max_wal_senders", control.maxWalSenders),
    max_prepared_transactions: atLeast("max_prepared_transactions", control.maxPreparedXacts),
    max_locks_per_transaction: atLeast("max_locks_per_transaction", control.maxLocksPerXact),
  };
}
