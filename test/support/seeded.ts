/** Random draws that a number repeats. */
export interface Draw {
  /** 0 to below `limit`, whole. */
  below(limit: number): number;
  pick<T>(...among: readonly [T, ...T[]]): T;
}

/** Mulberry32: small, and good enough to scatter instants. */
export function seeded(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, pick: (first, ...more) => [first, ...more][below(more.length + 1)] ?? first };
}

/** `FIREDRILL_SEED` repeats rounds of a sweep: one number, or several with commas between. Else so many in a row, from a random one. */
export function seedsOf(rounds: number): readonly number[] {
  const asked = process.env["FIREDRILL_SEED"];
  if (asked !== undefined) return asked.split(",").map(Number);
  const first = Math.floor(Math.random() * 1_000_000_000);
  return Array.from({ length: rounds }, (_, index) => first + index);
}
