/**
 * Times as PostgreSQL writes them into `backup_label` and history files: `2026-11-21 03:00:00 CET`, in the server's
 * `log_timezone`, seconds only, and the zone as an abbreviation. An abbreviation is not an instant by itself; those
 * with one meaning in the tz database are known here, the others give null (the caller then says the time is unknown).
 */
const LOG_TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) (\S+)$/u;
const OFFSET = /^([+-])(\d{2})(?::?(\d{2}))?$/u;

const ZONE_MINUTES: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  Z: 0,
  UCT: 0,
  Zulu: 0,
  WET: 0,
  WEST: 60,
  CET: 60,
  CEST: 120,
  EET: 120,
  EEST: 180,
  MSK: 180,
  SAST: 120,
  EAT: 180,
  CAT: 120,
  WAT: 60,
  PKT: 300,
  WIB: 420,
  WITA: 480,
  WIT: 540,
  HKT: 480,
  JST: 540,
  KST: 540,
  AWST: 480,
  ACST: 570,
  ACDT: 630,
  AEST: 600,
  AEDT: 660,
  NZST: 720,
  NZDT: 780,
  HST: -600,
  AKST: -540,
  AKDT: -480,
  PST: -480,
  PDT: -420,
  MST: -420,
  MDT: -360,
  EST: -300,
  EDT: -240,
  AST: -240,
  ADT: -180,
  NST: -210,
  NDT: -150,
};

/** Microseconds since the Unix epoch, or null when the zone does not name one offset. */
export function parseLogTime(text: string): number | null {
  const match = LOG_TIME.exec(text.trim());
  if (match === null) return null;
  const [, date = "", time = "", zone = ""] = match;
  const minutes = zoneMinutes(zone);
  const milliseconds = Date.parse(`${date}T${time}Z`);
  if (minutes === null || Number.isNaN(milliseconds)) return null;
  return (milliseconds - minutes * 60_000) * 1000;
}

function zoneMinutes(zone: string): number | null {
  const offset = OFFSET.exec(zone);
  if (offset === null) return ZONE_MINUTES[zone] ?? null;
  const minutes = Number(offset[2]) * 60 + Number(offset[3] ?? "0");
  return offset[1] === "-" ? -minutes : minutes;
}
