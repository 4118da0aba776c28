import { parseLsn } from "../../formats/postgres/lsn.ts";

/** Bytes from `behind` to `ahead`; 0 when it is not behind at all, null when one of both is not known. */
export function bytesBehind(ahead: string | null, behind: string | null): number | null {
  if (ahead === null || behind === null) return null;
  const bytes = parseLsn(ahead) - parseLsn(behind);
  return bytes > 0n ? Number(bytes) : 0;
}

export function compareLsn(one: string, other: string): number {
  const difference = parseLsn(one) - parseLsn(other);
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}
