import { join } from "node:path";
import { pid } from "node:process";
import { StepError } from "../../drills/step-error.ts";
import type { BackupRef } from "../../drills/backup-ref.ts";
import { readControlFile } from "../../formats/postgres/control-file.ts";
import { parseLsn } from "../../formats/postgres/lsn.ts";
import { formatSegmentName, parseWalFileName } from "../../formats/postgres/wal-file-name.ts";
import type { WalFeed, WalSpool, Watch } from "../../steps/ports/backup-source.ts";
import { readAnatomy } from "./anatomy.ts";
import { walIndex } from "./assess-wal.ts";
import { readSmallFile } from "./read-source.ts";
import { SpoolFolder } from "./spool-folder.ts";
import { chooseTimeline, type TimelinePath } from "./timelines.ts";
import { chooseCopy, timelineHistories } from "./wal-context.ts";
import { DirectoryWalFeed, type WalSupply } from "./wal-feed.ts";
import type { WalFile, WalIndex } from "./wal-index.ts";
import { followWal } from "./wal-continuity.ts";

/** Opens the spool and starts feeding. Dispose it after the server was promoted or stopped, not before. */
export async function feedWal(backup: BackupRef, spool: WalSpool, watch: Watch, userId: number): Promise<WalFeed> {
  const { uid, gid } = spool.sandbox;
  if (userId !== 0 && userId !== uid) {
    throw new StepError("permanent", "SPOOL_OWNER", `the spool must belong to user ${uid}, we are user ${userId}`, {
      hint: "Run as root or as the sandbox's user.",
    });
  }
  const known = { ...backup, systemIdentifier: backup.systemIdentifier ?? (await restoredSystem(spool.sandbox.dir)) };
  const supply = await openSupply(known, watch.signal);
  const folder = new SpoolFolder(spool.dir, userId === 0 ? { uid, gid } : null);
  folder.open(pid);
  return new DirectoryWalFeed(folder, supply, known, watch);
}

/** The copy's pg_control knows what a compressed archive hid. */
async function restoredSystem(sandboxDir: string): Promise<string | null> {
  const bytes = await readSmallFile(join(sandboxDir, "data", "global", "pg_control"), 1024 * 1024);
  return bytes === undefined ? null : readControlFile(bytes).systemIdentifier;
}

async function openSupply(backup: BackupRef, signal: AbortSignal): Promise<WalSupply> {
  const anatomy = await readAnatomy(backup.path, signal);
  let index = await walIndex(backup, anatomy, signal);
  let order = await latestOrder(backup, index, signal);
  const stopLsn = backup.stopLsn === null ? null : parseLsn(backup.stopLsn);
  return {
    first: anatomy.label.startSegment,
    find: (name) => findFile(name, index, backup, stopLsn),
    refresh: async () => {
      const before = index.archive.segments.size + index.archive.histories.size;
      index = { ...index, archive: (await walIndex({ ...backup }, anatomy, signal)).archive };
      if (index.archive.segments.size + index.archive.histories.size !== before)
        order = await latestOrder(backup, index, signal);
    },
    after: (name) => order.get(name) ?? nextOnTimeline(name, index, backup),
  };
}

/** The backup's own copy is not served: it already lies in the server's pg_wal (after "absent" the server looks there). */
function findFile(name: string, index: WalIndex, backup: BackupRef, stopLsn: bigint | null): WalFile | undefined {
  const parsed = parseWalFileName(name, backup.walSegmentBytes);
  switch (parsed?.kind) {
    case "segment": {
      const file = chooseCopy(index, name, stopLsn, backup.timeline, backup.walSegmentBytes);
      return file?.place === "archive" ? file : undefined;
    }
    case "timeline-history":
      return index.archive.histories.get(parsed.timeline);
    case "partial":
    case "backup-history":
    case undefined:
      return undefined;
    default:
      return parsed satisfies never;
  }
}

/** The way `recovery_target_timeline = latest` takes; another choice shows itself by its requests. */
async function latestOrder(
  backup: BackupRef,
  index: WalIndex,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const startLsn = parseLsn(backup.startLsn);
  const question = {
    backupTimeline: backup.timeline,
    startLsn,
    stopLsn: null,
    histories: await timelineHistories(index, signal),
  };
  const latest = chooseTimeline({ ...question, choice: "latest" });
  const decision = latest.kind === "path" ? latest : chooseTimeline({ ...question, choice: "current" });
  return decision.kind === "path" ? orderOf(decision.path, backup, index) : new Map();
}

function orderOf(path: TimelinePath, backup: BackupRef, index: WalIndex): ReadonlyMap<string, string> {
  const has = (name: string): boolean => index.archive.segments.has(name) || index.backup.segments.has(name);
  const { chain } = followWal({
    startLsn: parseLsn(backup.startLsn),
    segmentBytes: backup.walSegmentBytes,
    path,
    untilLsn: null,
    has,
    names: [],
  });
  return new Map(
    chain.flatMap((link, position) => {
      const next = chain[position + 1];
      return next === undefined ? [] : [[link.name, next.name] as const];
    }),
  );
}

function nextOnTimeline(name: string, index: WalIndex, backup: BackupRef): string | undefined {
  const parsed = parseWalFileName(name, backup.walSegmentBytes);
  if (parsed?.kind !== "segment") return undefined;
  const next = formatSegmentName(parsed.timeline, parsed.segment + 1n, backup.walSegmentBytes);
  return index.archive.segments.has(next) ? next : undefined;
}
