import { formatLsn, parseLsn } from "../../../formats/postgres/lsn.ts";
import type { RecoveryTarget } from "../../../drills/recovery-target.ts";
import type { RecoverRequest } from "../../../steps/ports/postgres.ts";
import type { TimelineChoice } from "../../../steps/ports/backup-source.ts";
import { quoteSetting } from "../quote.ts";

type Settings = Readonly<Record<string, string>>;

/**
 * Up to where the server replays (manual: 20.5.5). Every target ends in a pause, so that the state is read before it is
 * opened. `latest` has none: the copy is then a standby without a primary, which stops at the archive's end by itself.
 */
export function targetSettings(target: RecoveryTarget, timeline: TimelineChoice): Settings {
  const common = {
    recovery_target_timeline: String(timeline),
    recovery_target_action: "pause",
    recovery_target_inclusive: "on",
  };
  switch (target.kind) {
    case "latest":
      return { recovery_target_timeline: String(timeline) };
    case "immediate":
      return { ...common, recovery_target: "immediate" };
    case "time":
      return { ...common, recovery_target_time: serverTime(target.wallUs) };
    case "lsn":
      return { ...common, recovery_target_lsn: formatLsn(parseLsn(target.lsn)) };
    case "name":
      return { ...common, recovery_target_name: target.name };
    default:
      return target satisfies never;
  }
}

/** `2026-11-21 03:00:00.123456+00`: with microseconds, which a JavaScript date does not have. */
export function serverTime(wallUs: number): string {
  const seconds = Math.floor(wallUs / 1_000_000);
  const micros = String(wallUs - seconds * 1_000_000).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")}.${micros}+00`;
}

/**
 * File that makes the server recover; only one is ever written, since the wish for a standby wins where both are there.
 * `latest` recovers as a standby without a primary: that stops at the archive's end, can be read there, and is promoted
 * without the checkpoint which ends a recovery (the server opens first and writes it afterwards). Servers before 15 do not
 * say in their log that they wait for WAL, so a backup that lacks its own would hang: those end by themselves.
 */
export function signalFile(
  request: Pick<RecoverRequest, "target" | "finish">,
  saysThatItWaits: boolean,
): "recovery.signal" | "standby.signal" {
  const standby = request.target.kind === "latest" && (saysThatItWaits || request.finish === "pause");
  return standby ? "standby.signal" : "recovery.signal";
}

export function durabilitySettings(durability: "production" | "throwaway"): Settings {
  const value = durability === "production" ? "on" : "off";
  return { fsync: value, full_page_writes: value, synchronous_commit: value };
}

/**
 * How the server works while it replays; a playbook's `settings` win over these. Memory up to 1 GiB; checkpoints rare, since
 * each one writes what the replay will change again; the retry interval bounds how often an ended archive is asked again.
 */
export function replaySettings(totalMemoryBytes: number): Settings {
  const buffersMb = Math.max(32, Math.min(1024, Math.floor(totalMemoryBytes / 8 / 1024 / 1024)));
  return {
    shared_buffers: `${buffersMb}MB`,
    max_wal_size: "4GB",
    checkpoint_timeout: "1h",
    wal_retrieve_retry_interval: "200ms",
    timezone: "UTC",
    log_timezone: "UTC",
  };
}

/** Written as `postgresql.conf` of the sandbox: nothing of the backup's own is read. */
export function configFile(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoteSetting(value)}`);
  return `# Written by firedrill for a restored copy. Not the configuration of the system it was taken from.\n${lines.join("\n")}\n`;
}

/** The unix socket lies in a folder that only the service user (and root) can enter; TCP is for one role with a password of its own, so that no password of production opens a copy. */
export const HBA_FILE = `# TYPE DATABASE USER ADDRESS METHOD
local all all trust
local replication all trust
host all firedrill 127.0.0.1/32 scram-sha-256
`;

/** `-c name=value` for each: on the command line it wins over every file. */
export function commandLine(settings: Settings): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
