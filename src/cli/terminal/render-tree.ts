import type { Progress } from "../../drills/progress.ts";
import { formatBytes, formatDurationUs } from "../../support/format.ts";
import type { RunView, StepLine, StepLook } from "./run-view.ts";
import type { Paint } from "./paint.ts";
import { oneLine } from "./plain-text.ts";

const SIGNS: Readonly<Record<StepLook, { readonly sign: string; readonly paint: keyof Paint }>> = {
  waiting: { sign: "·", paint: "dim" },
  running: { sign: "▸", paint: "accent" },
  backoff: { sign: "↻", paint: "warn" },
  stopping: { sign: "◼", paint: "warn" },
  succeeded: { sign: "✓", paint: "good" },
  failed: { sign: "✗", paint: "bad" },
  errored: { sign: "!", paint: "bad" },
  skipped: { sign: "–", paint: "dim" },
  stopped: { sign: "◼", paint: "warn" },
};

/** The whole picture of a running drill, one string per terminal line, none wider than `columns`. */
export function renderTree(view: RunView, nowUs: number, columns: number, paint: Paint): string[] {
  const head = `${view.plan.title}  ${paint.dim(`${view.runId}  ${formatDurationUs(nowUs - view.startedUs)}`)}`;
  const lines = [clip(head, columns + 20)];
  for (const phase of view.plan.phases) {
    lines.push(`  ${view.phase === phase.name && !view.cleaning ? paint.accent(phase.name) : paint.dim(phase.name)}`);
    for (const line of view.lines.values()) {
      if (line.step.phase === phase.name) lines.push(...renderStep(line, nowUs, columns, paint));
    }
  }
  if (view.cleaning)
    lines.push(`  ${paint.accent("cleanup")} ${view.removed} of ${view.resources} removed and verified`);
  if (view.halted !== null) lines.push(paint.warn(`  stopping: ${oneLine(view.halted, columns - 14)}`));
  return lines;
}

function renderStep(line: StepLine, nowUs: number, columns: number, paint: Paint): string[] {
  const { sign, paint: colour } = SIGNS[line.look];
  const timer = line.startedUs === null ? "" : formatDurationUs((line.endedUs ?? nowUs) - line.startedUs);
  const attempt = line.attempt > 1 ? ` (attempt ${line.attempt})` : "";
  const width = Math.max(20, columns - 8 - timer.length - attempt.length);
  const title = oneLine(line.step.title, width);
  const lines = [`    ${paint[colour](sign)} ${title}${attempt}  ${paint.dim(timer)}`];
  if (line.progress !== null)
    lines.push(`      ${paint.dim(describeProgress(line.progress, nowUs - line.progressSinceUs, columns - 8))}`);
  if (line.message !== null && line.look !== "succeeded")
    lines.push(`      ${paint[colour](oneLine(line.message, columns - 8))}`);
  return lines;
}

/** `copy 312 MB of 1.1 GB, 28 %, 410 MB/s, 2 s left`. */
export function describeProgress(progress: Progress, elapsedUs: number, width: number): string {
  const amount = (value: number): string =>
    progress.unit === "bytes" ? formatBytes(value) : `${value} ${progress.unit}`;
  const parts = [`${progress.what} ${amount(progress.done)}`];
  const { total, done } = progress;
  if (total !== null && total > 0) parts[0] += ` of ${amount(total)}, ${Math.floor((100 * done) / total)} %`;
  if (progress.unit === "bytes" && elapsedUs > 300_000) {
    parts.push(`${formatBytes((done / elapsedUs) * 1_000_000)}/s`);
    if (total !== null && done > 0 && done < total)
      parts.push(`${formatDurationUs((elapsedUs / done) * (total - done))} left`);
  }
  return oneLine(parts.join(", "), width);
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
