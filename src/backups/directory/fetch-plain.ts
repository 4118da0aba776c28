import { setImmediate } from "node:timers/promises";
import type { Anatomy } from "./anatomy.ts";
import { compareWithManifest, originalPaths } from "./completeness.ts";
import { BUFFER_BYTES, type CopyJob, copyLarge, copySmall, SMALL_BYTES } from "./copy-file.ts";
import { type PlainTree, readPlainTree, type TreeFile } from "./plain-tree.ts";
import type { RestoreTarget } from "./restore-target.ts";
import { runAll } from "./run-all.ts";
import { subjectErrors } from "./subject-error.ts";
import type { Verification } from "./verification.ts";

export interface FetchWork {
  readonly anatomy: Anatomy;
  readonly target: RestoreTarget;
  readonly verification: Verification;
  readonly signal: AbortSignal;
  onBytes(bytes: number): void;
}

/** Lanes for large files; small files have one of their own on this thread, so that they never wait behind them. */
const LARGE_LANES = 2;
/** Bytes of small files between two turns of the event loop. */
const TURN_BYTES = 2 * 1024 * 1024;

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
  const small = tree.files.filter((file) => file.sizeBytes <= SMALL_BYTES);
  const large = tree.files.filter((file) => file.sizeBytes > SMALL_BYTES).toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  const queue = large.values();
  const lanes = Array.from(
    { length: LARGE_LANES },
    () => async (signal: AbortSignal) => await largeLane(queue, work, signal),
  );
  await runAll([...lanes, async (signal) => await smallLane(small, work, signal)], work.signal);
}

async function largeLane(queue: IterableIterator<TreeFile>, work: FetchWork, signal: AbortSignal): Promise<void> {
  const buffers: readonly [Buffer, Buffer] = [
    Buffer.allocUnsafeSlow(BUFFER_BYTES),
    Buffer.allocUnsafeSlow(BUFFER_BYTES),
  ];
  for (const file of queue) await copyLarge(jobOf(file, work, signal), buffers);
}

async function smallLane(files: readonly TreeFile[], work: FetchWork, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(SMALL_BYTES);
  let sinceTurn = 0;
  for (const file of files) {
    copySmall(jobOf(file, work, signal), buffer);
    // A file costs about as much as 64 KiB of data.
    sinceTurn += file.sizeBytes + 65_536;
    if (sinceTurn < TURN_BYTES) continue;
    sinceTurn = 0;
    await setImmediate();
    signal.throwIfAborted();
  }
}

function jobOf(file: TreeFile, work: FetchWork, signal: AbortSignal): CopyJob {
  return {
    file,
    target: work.target,
    check: work.verification.begin(file.path, file.sizeBytes),
    signal,
    onBytes: (bytes) => work.onBytes(bytes),
  };
}
