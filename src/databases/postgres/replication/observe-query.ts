import { z } from "zod";

/**
 * One answer with everything a node says of its role, for servers from 13 on. The role is asked once and decides which functions
 * are called: those of the other role raise an error (manual: 9.28.4). `full` needs pg_monitor (segments, settings files) and
 * is what a superuser asks; without it, the control file tells the timeline, which is behind until the next checkpoint.
 */
export function observeQuery(full: boolean): string {
  return `
select s.standby,
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version,
  pg_catalog.current_setting('port')::pg_catalog.int4 as port,
  (select c.system_identifier::text from pg_catalog.pg_control_system() c) as system,
  case when s.standby then null else pg_catalog.pg_current_wal_lsn()::text end as lsn,
  case when s.standby then null else pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) end as wal_timeline,
  case when s.standby then null else pg_catalog.pg_last_wal_replay_lsn()::text end as began,
  ${full ? READ_ONLY : "false"} as read_only,
  case when s.standby then null else (${SENDERS}) end as senders,
  case when s.standby then greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())::text end as received,
  case when s.standby then pg_catalog.pg_last_wal_replay_lsn()::text end as replayed,
  case when s.standby then pg_catalog.pg_is_wal_replay_paused() else false end as paused,
  case when s.standby then (${RECEIVER}) end as receiver,
  case when s.standby then (${full ? SEGMENT_TIMELINE : "select null::text"}) end as segment_timeline,
  case when s.standby then (${CONTROL_TIMELINE}) end as control_timeline
from (select pg_catalog.pg_is_in_recovery() as standby offset 0) s`;
}

/** Of the server, not of this session, which sets its own. */
const READ_ONLY = `coalesce((select f.setting in ('on', 'true', 'yes', '1') from pg_catalog.pg_show_all_file_settings() f
    where f.name = 'default_transaction_read_only' and f.error is null order by f.seqno desc limit 1), false)`;

/** A login without privileges sees that there is one, and nothing of it. */
const SENDERS = `select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'name', r.application_name, 'address', pg_catalog.host(r.client_addr), 'state', r.state, 'sync', r.sync_state,
    'sentLsn', r.sent_lsn::text, 'replayLsn', r.replay_lsn::text,
    'replayLagUs', pg_catalog.round(extract(epoch from r.replay_lag) * 1000000)) order by r.application_name), '[]'::json)
  from pg_catalog.pg_stat_replication r where r.state is not null`;

const RECEIVER = `select pg_catalog.json_build_object('status', w.status, 'host', w.sender_host, 'port', w.sender_port, 'timeline', w.received_tli)
  from pg_catalog.pg_stat_wal_receiver w where w.status is not null limit 1`;

/** Segments bear the timeline they were received on. */
const SEGMENT_TIMELINE = `select pg_catalog.max(pg_catalog.left(f.name, 8)) from pg_catalog.pg_ls_waldir() f where f.name ~ '^[0-9A-F]{24}$'`;

const CONTROL_TIMELINE = `select greatest((select c.timeline_id from pg_catalog.pg_control_checkpoint() c),
  (select r.min_recovery_end_timeline from pg_catalog.pg_control_recovery() r))`;

const timelineText = z
  .string()
  .regex(/^[0-9A-F]{8}$/u)
  .transform((text) => Number.parseInt(text, 16));

const receiver = z.object({
  status: z.string(),
  host: z.string().nullable(),
  port: z.number().nullable(),
  timeline: z.number().nullable(),
});

const sender = z.object({
  name: z.string(),
  address: z.string().nullable(),
  state: z.string(),
  sync: z.string(),
  sentLsn: z.string().nullable(),
  replayLsn: z.string().nullable(),
  replayLagUs: z.number().nullable(),
});

export const observedRow = z.object({
  standby: z.boolean(),
  version: z.number(),
  system: z.string(),
  port: z.number(),
  lsn: z.string().nullable(),
  wal_timeline: timelineText.nullable(),
  began: z.string().nullable(),
  read_only: z.boolean(),
  senders: z.array(sender).nullable(),
  received: z.string().nullable(),
  replayed: z.string().nullable(),
  paused: z.boolean(),
  receiver: receiver.nullable(),
  segment_timeline: timelineText.nullable(),
  control_timeline: z.number().nullable(),
});
export type ObservedRow = z.output<typeof observedRow>;
