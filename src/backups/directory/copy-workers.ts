import { Worker } from "node:worker_threads";
import { type CopiedOrder, type CopyQueue, stopQueue } from "./copy-queue.ts";
import { type CopyReport, unpackError } from "./copy-report.ts";

/** From `src/` as well as from `dist/`: the extension is that of this file. */
const PROGRAM = new URL(
  import.meta.url.endsWith(".ts") ? "./copy-worker-main.ts" : "./copy-worker-main.js",
  import.meta.url,
);

/**
 * Works a queue off with several threads. The first failure stops the others and is thrown when all have ended: nothing
 * of ours writes on after the caller has been told.
 */
export async function copyWithWorkers(
  queue: CopyQueue,
  count: number,
  signal: AbortSignal,
  onCopied: (file: CopiedOrder) => void,
): Promise<void> {
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    stopQueue(queue);
  };
  const hear = (report: CopyReport): void => {
    if (report.kind === "failed") fail(unpackError(report.error));
    else if (failures.length === 0) attempt(() => report.files.forEach((file) => onCopied(file)), fail);
  };
  const stop = (): void => stopQueue(queue);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  await Promise.all(Array.from({ length: count }, () => runWorker(queue, hear, fail)));
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

function runWorker(
  queue: CopyQueue,
  hear: (report: CopyReport) => void,
  fail: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const worker = new Worker(PROGRAM, { workerData: queue, execArgv: ["--no-warnings"], env: {} });
    worker.on("message", hear);
    worker.on("error", fail);
    worker.on("exit", () => resolve());
  });
}

function attempt(work: () => void, fail: (error: unknown) => void): void {
  try {
    work();
  } catch (error) {
    fail(error);
  }
}
