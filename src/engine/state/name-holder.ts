import { setTimeout as delay } from "node:timers/promises";
import { lockHolders } from "../../support/lock-holders.ts";

const LOOK_MS = 10;
const LOOKS = 100;

export interface Holder<H> {
  /** What stands beside the lock, when whoever wrote it holds the lock, or when that cannot be told. */
  readonly named: H | null;
  /** The holder by its number alone; null when the kernel does not say. */
  readonly pid: number | null;
}

/**
 * Who holds a lock. Whoever takes one writes its name down an instant later: until then the one before stands there, and it
 * would be wrong to name it. `isStill` says whether what is written can be of now, where the same process may hold the lock once
 * more for something else.
 */
export async function nameHolder<H extends { readonly pid: number }>(
  lockPath: string,
  read: () => Promise<H | null>,
  isStill: (written: H) => boolean = () => true,
): Promise<Holder<H>> {
  for (let looks = 1; ; looks += 1) {
    const holders = lockHolders(lockPath);
    const written = await read();
    if (holders === null || holders.size === 0) return { named: written, pid: null };
    if (written !== null && holders.has(written.pid) && isStill(written)) return { named: written, pid: written.pid };
    if (looks === LOOKS) return { named: null, pid: [...holders][0] ?? null };
    await delay(LOOK_MS);
  }
}
