import { createLogUpdate } from "log-update";
import type { Plan } from "../../drills/plan.ts";
import type { Progress } from "../../drills/progress.ts";
import type { Recorded } from "../../drills/run-event.ts";
import type { Clock } from "../../support/clock.ts";
import type { CliIo } from "../io.ts";
import { describeEvent } from "./describe-event.ts";
import { paintFor } from "./paint.ts";
import { renderTree } from "./render-tree.ts";
import { createRunView, seeProgress, seeRecord } from "./run-view.ts";

/** Shows a run to a person: a live tree on a terminal, one line per event elsewhere. Never on stdout. */
export interface RunWatcher extends Disposable {
  onRecord(record: Recorded): void;
  onProgress(step: string, progress: Progress): void;
  /** Leaves the screen to somebody else until the function given back is called. */
  pause(): () => void;
}

const REDRAW_MS = 100;

export function watchRun(io: CliIo, plan: Plan, clock: Clock): RunWatcher {
  return io.live ? watchLive(io, plan, clock) : watchLines(io);
}

function watchLive(io: CliIo, plan: Plan, clock: Clock): RunWatcher {
  const view = createRunView(plan);
  const paint = paintFor(io.colour);
  const screen = createLogUpdate(process.stderr);
  const draw = (): void => screen(renderTree(view, clock.monoUs(), io.columns, paint).join("\n"));
  let timer = setInterval(draw, REDRAW_MS);
  return {
    pause: () => {
      clearInterval(timer);
      draw();
      screen.done();
      return () => {
        timer = setInterval(draw, REDRAW_MS);
      };
    },
    onRecord: (record) => seeRecord(view, record),
    onProgress: (step, progress) => seeProgress(view, step, progress, clock.monoUs()),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      draw();
      screen.done();
    },
  };
}

function watchLines(io: CliIo): RunWatcher {
  let startedUs: number | null = null;
  return {
    onRecord: (record) => {
      startedUs ??= record.monoUs;
      const text = describeEvent(record);
      if (text !== null) io.err(`${((record.monoUs - startedUs) / 1e6).toFixed(3).padStart(9)} s  ${text}\n`);
    },
    onProgress: () => undefined,
    pause: () => () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
