/**
 * Does work in lanes: what is in one lane is done in order, at most `limit` lanes at a time. Begins nothing more once the
 * signal is aborted; what was begun is waited for. Rejects with the first rejection, after all that was begun has ended.
 */
export async function inLanes<T>(
  lanes: readonly (readonly T[])[],
  limit: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...lanes];
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let lane = left.shift(); lane !== undefined; lane = left.shift()) {
      for (const item of lane) {
        if (signal.aborted || failed) return;
        try {
          await work(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(limit, lanes.length) }, worker));
  const broken = ends.find((end) => end.status === "rejected");
  if (broken !== undefined) throw broken.reason;
}
