/**
 * When a run's orchestrator dies, and how.
 *
 * Invariants
 *  D1  From that instant on nothing of the run reaches its journal or its world: every driver and the journal ask first.
 *  D2  What was never synced is lost with it, as when the machine loses its power; except where the death is the one between the
 *      write and the sync, which leaves what was written, as a killed process does.
 */
import { statSync, truncateSync } from "node:fs";
import type { CrashPoint } from "../../src/engine/engine-deps.ts";
import { type JournalFile, openJournalFile } from "../../src/engine/journal/journal-file.ts";

type Stage = Parameters<CrashPoint>[0];

/**
 * The n-th time (from 1) that a stage is reached in the run; `torn`: the n-th write, of which `get` records get to the file, and with
 * `part` half of the one after them.
 */
export type Point = (
  | { readonly stage: Stage; readonly n: number }
  | { readonly stage: "torn"; readonly n: number; readonly get: number }
) & {
  /** Types of the records that are being written, or the step. */
  readonly about: string;
  /** Whole records that are on disk then, and whether a part of one is. */
  readonly whole: number;
  readonly part: boolean;
};

/** What a run passes on its way. */
export interface Passed {
  readonly stage: Stage;
  readonly about: string;
}

export interface Doom {
  readonly crashPoint: CrashPoint;
  readonly openJournal: (path: string, create: boolean) => Promise<JournalFile>;
  /** Comes back while the orchestrator lives (D1). */
  alive(): Promise<void>;
  readonly passed: readonly Passed[];
  /** Of each write, in order. */
  readonly writes: readonly string[];
}

/** `die` is called once, at that instant. `sync` false: a fault of the tests; what is written is never synced. */
export function doom(point: Point | null, die: () => void, { sync = true } = {}): Doom {
  const passed: Passed[] = [];
  const writes: string[] = [];
  const counts = new Map<string, number>();
  const file = { path: "", written: 0, synced: 0 };
  let dead = false;
  const strike = (keep: boolean): void => {
    dead = true;
    if (!keep && file.path !== "") truncateSync(file.path, file.synced); // D2
    die();
  };
  const alive = (): Promise<void> => (dead ? new Promise(() => {}) : Promise.resolve());
  return {
    passed,
    writes,
    alive,
    crashPoint(stage, about) {
      if (dead) return;
      passed.push({ stage, about });
      const n = (counts.get(stage) ?? 0) + 1;
      counts.set(stage, n);
      if (point?.stage === stage && point.n === n) strike(stage === "after-append");
    },
    async openJournal(path, create) {
      const inner = await openJournalFile(path, create);
      const size = statSync(path).size;
      Object.assign(file, { path, written: size, synced: size });
      return {
        async write(text) {
          await alive();
          writes.push(text);
          const torn = point?.stage === "torn" && point.n === writes.length;
          await inner.write(torn ? text.slice(0, lengthOf(text, point)) : text);
          file.written += Buffer.byteLength(text);
          if (torn) strike(true);
          await alive();
        },
        async sync() {
          await alive();
          if (!sync) return;
          await inner.sync();
          file.synced = file.written;
        },
        close: () => inner.close(),
      };
    },
  };
}

/** Every instant of a run at which a death makes a difference, from one that went through. */
export function pointsOf({ passed, writes }: Pick<Doom, "passed" | "writes">): readonly Point[] {
  const counts = new Map<string, number>();
  let whole = 0;
  return passed.flatMap(({ stage, about }): readonly Point[] => {
    const n = (counts.get(stage) ?? 0) + 1;
    counts.set(stage, n);
    const before = whole;
    if (stage === "after-append") whole += linesOf(writes[n - 1] ?? "").length;
    const torn = stage === "before-append" ? tornAt(writes[n - 1] ?? "", { n, about }, before) : [];
    return [{ stage, n, about, whole, part: false }, ...torn];
  });
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** In the middle of each record, and between any two that are written together. */
function tornAt(text: string, at: Pick<Point, "n" | "about">, before: number): readonly Point[] {
  const last = linesOf(text).length - 1;
  const stage = "torn";
  return linesOf(text).flatMap((_, get): readonly Point[] => {
    const half: Point = { stage, ...at, get, whole: before + get, part: true };
    return get === last ? [half] : [half, { stage, ...at, get: get + 1, whole: before + get + 1, part: false }];
  });
}

function lengthOf(text: string, { get, part }: { readonly get: number; readonly part: boolean }): number {
  const whole = linesOf(text).slice(0, get).join("\n").length + Math.min(get, 1);
  return part ? whole + Math.floor((linesOf(text)[get]?.length ?? 0) / 2) : whole;
}

/** `after-sync:12`, `torn:12:1+`: what one types to see a point again. */
export function pointText(point: Point): string {
  const at = `${point.stage}:${point.n}`;
  return point.stage === "torn" ? `${at}:${point.get}${point.part ? "+" : ""}` : at;
}
