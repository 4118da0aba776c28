import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Anatomy } from "./anatomy.ts";
import { compareWithManifest, originalPaths } from "./completeness.ts";
import { type CopiedOrder, copiedBytes, type CopyQueue, createQueue, workOff } from "./copy-queue.ts";
import { copyWithWorkers } from "./copy-workers.ts";
import { type PlainTree, readPlainTree } from "./plain-tree.ts";
import type { RestoreTarget } from "./restore-target.ts";
import { subjectErrors } from "./subject-error.ts";
import type { FileCheck, Verification } from "./verification.ts";

export interface FetchWork {
  readonly anatomy: Anatomy;
  readonly target: RestoreTarget;
  readonly verification: Verification;
  readonly signal: AbortSignal;
  onBytes(bytes: number): void;
}

/** Below this a thread takes longer to start than to copy. */
const WORKERS_FROM_BYTES = 64 * 1024 * 1024;
/** More threads than this only wait for the disk. */
const MOST_WORKERS = 4;
/** Files between two turns of the event loop when we copy on this thread. */
const TURN_FILES = 32;
const REPORT_EVERY_MS = 100;

/** Names and sizes of a plain backup, refused when they are hostile or do not match the manifest. */
export async function planPlain(anatomy: Anatomy, signal: AbortSignal): Promise<PlainTree> {
  const tree = await readPlainTree(anatomy.path, originalPaths(anatomy), signal);
  const present = new Map(tree.files.map((file) => [file.path, file.sizeBytes]));
  const differences = anatomy.manifest === null ? [] : compareWithManifest(anatomy.manifest, present, anatomy.path);
  const problems = [...tree.problems, ...differences];
  if (problems.length > 0) throw subjectErrors(problems);
  return tree;
}

export async function fetchPlain(tree: PlainTree, work: FetchWork): Promise<void> {
  for (const { oid } of tree.tablespaces) work.target.addTablespace(oid);
  for (const directory of tree.directories.toSorted()) work.target.makeFolder(directory);
  // Largest first: the last file of one thread must not be the one all others wait for.
  const files = tree.files.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  const checks = files.map((file) => work.verification.begin(file.path, file.sizeBytes));
  const queue = createQueue(
    files.map((file, index) => ({
      source: file.source,
      target: work.target.place(file.path),
      algorithm: checks[index]?.algorithm ?? null,
    })),
  );
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  using progress = reportProgress(queue, work);
  if (totalBytes < WORKERS_FROM_BYTES) await copyHere(queue, checks, progress, work.signal);
  else await copyWithWorkers(queue, Math.min(MOST_WORKERS, availableParallelism()), work.signal, ended(checks));
}

async function copyHere(
  queue: CopyQueue,
  checks: readonly FileCheck[],
  progress: Reporting,
  signal: AbortSignal,
): Promise<void> {
  const end = ended(checks);
  let sinceTurn = 0;
  for (const file of workOff(queue)) {
    end(file);
    sinceTurn += 1;
    if (sinceTurn < TURN_FILES) continue;
    sinceTurn = 0;
    progress.tell();
    await setImmediate();
    signal.throwIfAborted();
  }
}

function ended(checks: readonly FileCheck[]): (file: CopiedOrder) => void {
  return ({ index, bytes, hex }) => checks[index]?.endWith(bytes, hex);
}

interface Reporting extends Disposable {
  tell(): void;
}

/** The threads count; nobody has to be told for each buffer. */
function reportProgress(queue: CopyQueue, work: FetchWork): Reporting {
  let told = 0;
  const tell = (): void => {
    const bytes = copiedBytes(queue);
    if (bytes > told) work.onBytes(bytes - told);
    told = bytes;
  };
  const timer = setInterval(tell, REPORT_EVERY_MS);
  return {
    tell,
    [Symbol.dispose]: () => {
      clearInterval(timer);
      tell();
    },
  };
}
