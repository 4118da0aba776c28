import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html, shorten } from "./html.ts";
import { originUs } from "./parts.ts";
import { groupMarks, niceTicks } from "./timeline-layout.ts";

/** The drill drawn to scale: a bar per step under its phase, the marks T0 to T7 across, the RTO where it lies within. */

const WIDTH = 1000;
const LEFT = 230;
const RIGHT = 24;
const TOP = 44;
const ROW = 20;
const BAND = 22;
/** More rows than this are not read; the longest steps, all that went wrong, and nothing else are drawn. */
const MAX_ROWS = 60;

type Step = RunResult["steps"][number];

interface Scale {
  readonly fromUs: number;
  readonly toUs: number;
  x(us: number): number;
}

export function timelineSvg(result: RunResult, endUs: number): Html {
  const drawn = drawnSteps(result.steps);
  const scale = scaleOf(endUs);
  const rows = layout(drawn);
  const height = rows.bottom + 34;
  const left = result.steps.length - drawn.length;
  return markup`<div class="drawing" tabindex="0" role="region" aria-label="Timeline, drawn"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Steps over time with the marks T0 to T7; the tables below say the same in words">
<defs><pattern id="broken-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"></line></pattern></defs>
${rows.bands.map(band)}${ticks(result, scale, rows.bottom)}${marks(result, scale, rows.bottom)}${target(result, scale, rows.bottom)}${rows.bars.map(({ step, y }) => bar(step, y, scale))}
</svg></div>
<p>${legend()}</p>
${left === 0 ? null : markup`<p><small>${drawn.length} of ${result.steps.length} steps are drawn: the longest and those that did not succeed. The table has all.</small></p>`}
`;
}

function drawnSteps(steps: readonly Step[]): readonly Step[] {
  if (steps.length <= MAX_ROWS) return steps;
  const wanted = new Set(
    steps
      .toSorted((a, b) => Number(went(a)) - Number(went(b)) || lengthUs(b) - lengthUs(a))
      .slice(0, MAX_ROWS)
      .map((step) => step.id),
  );
  return steps.filter((step) => wanted.has(step.id));
}

const went = (step: Step): boolean =>
  step.outcome === "succeeded" || step.outcome === "skipped" || step.outcome === "not_run";

function lengthUs(step: Step): number {
  return step.duration.status === "measured" ? step.duration.valueUs : 0;
}

function scaleOf(endUs: number): Scale {
  const toUs = Math.max(endUs, 1);
  const x = (us: number): number =>
    Math.round((LEFT + (Math.min(Math.max(us, 0), toUs) / toUs) * (WIDTH - LEFT - RIGHT)) * 10) / 10;
  return { fromUs: 0, toUs, x };
}

interface Band {
  readonly name: string;
  readonly y: number;
  readonly height: number;
  readonly odd: boolean;
}

function layout(steps: readonly Step[]): {
  readonly bands: readonly Band[];
  readonly bars: readonly { step: Step; y: number }[];
  readonly bottom: number;
} {
  const bands: Band[] = [];
  const bars: { step: Step; y: number }[] = [];
  let y = TOP;
  for (const [index, phase] of [...new Set(steps.map((step) => step.phase))].entries()) {
    const own = steps.filter((step) => step.phase === phase);
    const height = BAND + own.length * ROW + 4;
    bands.push({ name: phase, y, height, odd: index % 2 === 1 });
    for (const [place, step] of own.entries()) bars.push({ step, y: y + BAND + place * ROW });
    y += height;
  }
  return { bands, bars, bottom: y };
}

function band({ name, y, height, odd }: Band): Html {
  return markup`<rect class="band${odd ? " odd" : ""}" x="0" y="${y}" width="${WIDTH}" height="${height}"></rect>
<text class="strong" x="8" y="${y + 16}">${name}</text>
`;
}

function bar(step: Step, y: number, scale: Scale): Html {
  const name = markup`<text x="16" y="${y + 14}">${shorten(step.title, 33)}<title>${step.title} (${step.id})</title></text>`;
  if (step.startedAtUs === null)
    return markup`${name}<text class="quiet" x="${LEFT}" y="${y + 14}">${step.outcome === "skipped" ? "skipped" : "not run"}</text>\n`;
  const endUs = step.endedAtUs ?? scale.toUs;
  const x = scale.x(step.startedAtUs);
  const width = Math.max(2, Math.round((scale.x(endUs) - x) * 10) / 10);
  const shape = markup`<rect class="${look(step)}" x="${x}" y="${y + 3}" width="${width}" height="14" rx="2"><title>${step.title}: ${step.outcome}</title></rect>`;
  const hatch = went(step)
    ? null
    : markup`<rect fill="url(#broken-hatch)" x="${x}" y="${y + 3}" width="${width}" height="14"></rect>`;
  return markup`${name}${shape}${hatch}${barLabel(step, x, width, y + 14)}\n`;
}

function look(step: Step): string {
  if (step.outcome === "succeeded") return step.criticalUs > 0 ? "critical" : "done";
  if (step.outcome === "stopped" || step.outcome === "running") return "odd-end";
  return "broken";
}

/** After the bar where there is room; else inside it, else before it, but never over the names of the steps. */
function barLabel(step: Step, x: number, width: number, y: number): Html {
  const time = step.duration.status === "measured" ? formatDurationUs(step.duration.valueUs) : "";
  const text = step.outcome === "succeeded" ? time : `✕ ${step.outcome.replace("_", " ")} ${time}`.trimEnd();
  const needs = text.length * 7 + 8;
  if (x + width + needs <= WIDTH) return markup`<text class="label" x="${x + width + 5}" y="${y}">${text}</text>`;
  if (width >= needs && went(step))
    return markup`<text class="${step.criticalUs > 0 ? "on-bar" : "strong"}" x="${x + width - 5}" y="${y}" text-anchor="end">${text}</text>`;
  if (x - needs < LEFT)
    return markup`<text class="label" x="${x + width - 5}" y="${y}" text-anchor="end">${text}</text>`;
  return markup`<text class="label" x="${x - 5}" y="${y}" text-anchor="end">${text}</text>`;
}

function ticks(result: RunResult, scale: Scale, bottom: number): Html {
  const zero = originUs(result);
  return markup`${niceTicks(scale.fromUs - zero, scale.toUs - zero, 8).map((us) => {
    const x = scale.x(us + zero);
    return markup`<line class="grid" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"></line><text class="quiet" x="${x}" y="${bottom + 18}" text-anchor="middle">${us === 0 ? "0" : formatTick(us)}</text>\n`;
  })}`;
}

function formatTick(us: number): string {
  return `${us < 0 ? "−" : ""}${formatDurationUs(Math.abs(us)).replace(/\.0+ /u, " ")}`;
}

function marks(result: RunResult, scale: Scale, bottom: number): Html {
  const points = result.marks.flatMap((mark) =>
    mark.status === "measured" ? [{ name: mark.mark, x: scale.x(mark.atUs) }] : [],
  );
  return markup`${groupMarks(points, 30).map(({ names, x, labelX, lines }) => {
    const rules = lines.map(
      (at) => markup`<line class="mark" x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${bottom}"></line>`,
    );
    const anchor = labelX < LEFT + 40 ? "start" : labelX > WIDTH - 60 ? "end" : "middle";
    return markup`${rules}<text class="marks" x="${anchor === "end" ? Math.max(...lines) : x}" y="${TOP - 14}" text-anchor="${anchor}">${names.join(" ")}</text>\n`;
  })}`;
}

function target(result: RunResult, scale: Scale, bottom: number): Html | null {
  const { rto } = result.objectives;
  const start = result.marks.find((mark) => mark.mark === (rto.clock === "total" ? "T0" : "T3"));
  if (rto.targetUs === null || start?.status !== "measured") return null;
  const atUs = start.atUs + rto.targetUs;
  const text = `RTO ${formatDurationUs(rto.targetUs)}`;
  if (atUs > scale.toUs)
    return markup`<text class="quiet" x="${WIDTH - 6}" y="14" text-anchor="end">${text}: beyond the right edge</text>`;
  const x = scale.x(atUs);
  return markup`<line class="target" x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${bottom}"></line><text x="${x}" y="14" text-anchor="${x > WIDTH - 60 ? "end" : "middle"}">${text}</text>`;
}

function legend(): Html {
  return markup`<small>Strong bars: on the critical path. Faint bars: not on it. Hatched bars with ✕: did not succeed. Times on the axis count from T0.</small>`;
}
