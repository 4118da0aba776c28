/** A thread of a copy: works off the queue it was given and reports in batches. */
import { parentPort, workerData } from "node:worker_threads";
import { type CopiedOrder, type CopyQueue, workOff } from "./copy-queue.ts";
import { type CopyReport, packError } from "./copy-report.ts";

const BATCH = 32;

// Decode boundary: what copy-workers.ts put in.
const queue = workerData as CopyQueue;
let batch: CopiedOrder[] = [];

try {
  for (const copied of workOff(queue)) {
    batch.push(copied);
    if (batch.length >= BATCH) flush();
  }
  flush();
} catch (error) {
  report({ kind: "failed", error: packError(error) });
}

function flush(): void {
  if (batch.length > 0) report({ kind: "copied", files: batch });
  batch = [];
}

function report(message: CopyReport): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin
  parentPort?.postMessage(message);
}
