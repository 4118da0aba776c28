/**
 * Runs tasks side by side. The first failure stops the others, and is thrown when all have ended: nothing of ours
 * writes on after the caller has been told.
 */
export async function runAll(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task(both);
      } catch (error) {
        failures.push(error);
        stop.abort(error);
      }
    }),
  );
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
