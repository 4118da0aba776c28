import type { RandomBytes } from "../support/ids.ts";

/** `firedrill_<installation>_<run>_<8 hex digits>`: the name by which what we made is found again and told from others'. */
export function newFaultId(installation: string, run: string, random: RandomBytes): string {
  const words = [installation, run].map((word) => word.replaceAll(/[^A-Za-z0-9-]/gu, "-"));
  return ["firedrill", ...words, Buffer.from(random(4)).toString("hex")].join("_");
}

const FAULT_ID = /^firedrill_(?<installation>[A-Za-z0-9-]*)_(?<run>[A-Za-z0-9-]*)_[0-9a-f]{8}$/u;

/** Null for a name that is none of ours. */
export function parseFaultId(id: string): { readonly installation: string; readonly run: string } | null {
  const { installation, run } = FAULT_ID.exec(id)?.groups ?? {};
  return installation === undefined || run === undefined ? null : { installation, run };
}
