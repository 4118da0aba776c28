/** Source of random bytes: `crypto.randomBytes` in production, a fixed sequence in tests. */
export type RandomBytes = (count: number) => Uint8Array;

/** Without `0`, `1`, `l` and `o`, which people mix up when they read an id aloud. */
const ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz";

/** `20261121-031500-k3f9`: UTC time, then four random characters. Sorts by time. */
export function newRunId(wallUs: number, random: RandomBytes): string {
  const digits = new Date(Math.floor(wallUs / 1000)).toISOString().replaceAll(/[-:]/gu, "");
  return `${digits.slice(0, 8)}-${digits.slice(9, 15)}-${randomWord(4, random)}`;
}

const RUN_ID = /^\d{8}-\d{6}-[2-9a-z]{4}$/u;

/** Whether a text may name a run's folder; everything else is refused before it reaches a path. */
export function isRunId(text: string): boolean {
  return RUN_ID.test(text);
}

/** Identity of a state directory; every resource we make bears it. */
export function newInstallationId(random: RandomBytes): string {
  return `fd-${randomWord(12, random)}`;
}

/** `count` characters, five random bits each. */
function randomWord(count: number, random: RandomBytes): string {
  return Array.from(random(count), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
