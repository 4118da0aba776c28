/** Short texts for people. Input is integer microseconds or bytes; output is plain text, never parsed again. */

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const HOUR_US = 60 * MINUTE_US;
const DAY_US = 24 * HOUR_US;

/** `850 µs`, `12.4 ms`, `12.41 s`, `3 m 12.4 s`, `15 m`, `1 h 3 m 12 s`, `2 d 3 h`. A minus sign stands before the whole. */
export function formatDurationUs(us: number): string {
  return us < 0 ? `-${positive(-us)}` : positive(us);
}

function positive(us: number): string {
  if (us === 0) return "0 s";
  if (us < 1000) return `${us} µs`;
  if (us < 999_950) return `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  return seconds(us, 2);
}

/** From one second on; `digits` are the decimals of the seconds below a minute. Parts that are nothing at the end go. */
function seconds(us: number, digits: number): string {
  const step = us < HOUR_US ? SECOND_US / 10 ** (us < MINUTE_US ? digits : 1) : SECOND_US;
  const rounded = Math.round(us / step) * step;
  if (rounded < MINUTE_US) return `${(rounded / SECOND_US).toFixed(digits)} s`;
  if (rounded < HOUR_US)
    return parts([Math.floor(rounded / MINUTE_US), "m"], [(rounded % MINUTE_US) / SECOND_US, "s"], 1);
  if (rounded < DAY_US) return hours(rounded);
  return parts([Math.floor(rounded / DAY_US), "d"], [Math.floor((rounded % DAY_US) / HOUR_US), "h"], 0);
}

function hours(us: number): string {
  const minutes = Math.floor((us % HOUR_US) / MINUTE_US);
  const rest = Math.floor((us % MINUTE_US) / SECOND_US);
  const head = parts([Math.floor(us / HOUR_US), "h"], [minutes, "m"], 0);
  return rest === 0 ? head : `${Math.floor(us / HOUR_US)} h ${minutes} m ${rest} s`;
}

type Part = readonly [value: number, unit: string];

function parts(large: Part, small: Part, digits: number): string {
  const head = `${large[0]} ${large[1]}`;
  return small[0] === 0 ? head : `${head} ${small[0].toFixed(digits)} ${small[1]}`;
}

/** A measured number and the bounds its true value lies in, microseconds; `lo <= value <= hi`. */
export interface IntervalUs {
  readonly valueUs: number;
  readonly loUs: number;
  readonly hiUs: number;
}

/**
 * `12.41 s ±0.01`. An interval that lies far to one side, such as the age of a heartbeat, is printed by its ends
 * instead (`4.20 s to 5.20 s`): the plus and minus would claim values that cannot be.
 */
export function formatInterval(interval: IntervalUs): string {
  const below = interval.valueUs - interval.loUs;
  const above = interval.hiUs - interval.valueUs;
  const around = Math.max(below, above);
  if (around === 0) return formatDurationUs(interval.valueUs);
  const narrow = around <= 50_000 || around * 50 <= Math.abs(interval.valueUs);
  const even = around <= 2 * Math.min(below, above);
  if (!narrow && !even) return `${formatDurationUs(interval.loUs)} to ${formatDurationUs(interval.hiUs)}`;
  return `${formatDurationUs(interval.valueUs)} ±${formatUncertainty(around, interval.valueUs)}`;
}

/** In the unit of the value's last figure: seconds from one second on, milliseconds below; never rounded down to less. */
function formatUncertainty(aroundUs: number, valueUs: number): string {
  const unitUs = Math.abs(valueUs) >= 999_950 ? SECOND_US : 1000;
  const scaled = aroundUs / unitUs;
  const digits = scaled >= 10 ? 0 : scaled >= 1 ? 1 : 2;
  const factor = 10 ** digits;
  const text = (Math.ceil(scaled * factor - 1e-9) / factor).toFixed(digits);
  return Math.abs(valueUs) >= MINUTE_US ? `${text} s` : unitUs === SECOND_US ? text : `${text} ms`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Powers of 1024: `512 B`, `1.5 KiB`, `498 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? "B"}`;
}

/** `2026-11-21 03:00:00.123 UTC`; with microseconds when `digits` is 6. */
export function formatWallUs(wallUs: number, digits: 0 | 3 | 6 = 3): string {
  const whole = Math.floor(wallUs / SECOND_US);
  const date = new Date(whole * 1000);
  if (Number.isNaN(date.getTime())) return "no valid date";
  const fraction = String(wallUs - whole * SECOND_US)
    .padStart(6, "0")
    .slice(0, digits);
  const [day = "", time = ""] = date.toISOString().split("T");
  return `${day} ${time.slice(0, 8)}${digits === 0 ? "" : `.${fraction}`} UTC`;
}

const COUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `48,210`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `2026-11-21 03:00:03.120 to 03:00:03.480 UTC`; the day is said again where it is another one. */
export function formatWallSpanUs(fromUs: number, toUs: number): string {
  const [from, to] = [formatWallUs(fromUs), formatWallUs(toUs)];
  const until = from.slice(0, 11) === to.slice(0, 11) ? to.slice(11) : to;
  return `${from.replace(/ UTC$/u, "")} to ${until}`;
}
