import type { Session } from "../ports/postgres.ts";

/**
 * Runs `work` in a read-only transaction with one snapshot and always rolls it back. `row_security=off` makes a policy that
 * would hide rows an error instead of a smaller answer (manual: 20.11.1).
 */
export async function inReadOnlyTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query("begin transaction isolation level repeatable read read only");
  try {
    await session.query("set local row_security = off");
    return await work();
  } finally {
    // On a broken connection there is nothing to roll back, and the first error is the one to tell.
    await session.query("rollback").catch(() => undefined);
  }
}
