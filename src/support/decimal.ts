/**
 * Decimal numbers compared exactly: PostgreSQL hands over bigint and numeric as text, and a float in between would
 * make 9007199254740993 equal 9007199254740992.
 */
export interface Decimal {
  /** value = digits * 10^-scale */
  readonly digits: bigint;
  readonly scale: number;
}

const DECIMAL = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,4}))?$/u;
/** Longest numeric PostgreSQL prints: 131072 digits before the point and 16383 after it. */
const MAX_LENGTH = 150_000;
const MAX_EXPONENT = 1000;

/** Undefined for anything but a finite decimal: `NaN`, `Infinity`, empty, text. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const match = DECIMAL.exec(text.trim());
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match ?? [];
  const exponent = Number(exponentText);
  if (match === null || whole + fraction === "" || Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Negative, zero or positive, as `left` is less than, equal to or greater than `right`. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  const scale = Math.max(left.scale, right.scale);
  const difference =
    left.digits * 10n ** BigInt(scale - left.scale) - right.digits * 10n ** BigInt(scale - right.scale);
  if (difference === 0n) return 0;
  return difference < 0n ? -1 : 1;
}
