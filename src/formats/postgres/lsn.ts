import { FormatError } from "./format-error.ts";

const LSN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/u;

/** `16/B374D848` to a byte position in the WAL (manual: `pg_lsn` type). Throws `LSN_SYNTAX`. */
export function parseLsn(text: string): bigint {
  const match = LSN.exec(text);
  if (match === null) throw new FormatError("LSN_SYNTAX", `not a log sequence number: ${JSON.stringify(text)}`);
  const [, high = "", low = ""] = match;
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** Upper-case hexadecimal without padding, as the server prints it. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}
