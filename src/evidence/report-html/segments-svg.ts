import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";

const WIDTH = 1000;
const HEIGHT = 64;
const BAR_Y = 22;
/** Room for a letter; what is narrower than its text is named in the table alone. */
const LETTER = 7;

type Segment = RunResult["segments"][number];

export const SEGMENT_NAMES: Readonly<Record<Segment["name"], string>> = {
  detection: "Detection",
  decision: "Decision",
  start: "Start",
  fencing: "Fencing",
  choice: "Choice of the standby",
  promotion: "Promotion",
  first_write: "First write",
};

const lengthUs = ({ duration }: Segment): number => (duration.status === "measured" ? duration.valueUs : 0);

/** T0 to the first write as one bar, to scale. Null when there is nothing to draw. */
export function segmentsSvg(segments: readonly Segment[]): Html | null {
  const wholeUs = segments.reduce((sum, segment) => sum + lengthUs(segment), 0);
  if (wholeUs === 0) return null;
  const x = (us: number): number => Math.round((us / wholeUs) * WIDTH * 10) / 10;
  const starts = segments.map((_, index) => segments.slice(0, index).reduce((sum, each) => sum + lengthUs(each), 0));
  const parts = segments.map((segment, index) => part(segment, x(starts[index] ?? 0), x(lengthUs(segment)), index));
  const label = `From T0 to ${segments.at(-1)?.to ?? "the end"}: ${formatDurationUs(wholeUs)}; the table below says the same in words`;
  return markup`<div class="drawing" tabindex="0" role="region" aria-label="Segments, drawn"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
${parts}</svg></div>
`;
}

function part(segment: Segment, x: number, width: number, index: number): Html {
  const name = SEGMENT_NAMES[segment.name];
  const time = formatDurationUs(lengthUs(segment));
  const shape = markup`<rect class="${index % 2 === 0 ? "critical" : "done"}" x="${x}" y="${BAR_Y}" width="${Math.max(1, width)}" height="20"><title>${name}: ${time}</title></rect>`;
  const fits = (text: string): boolean => width >= text.length * LETTER;
  return markup`${shape}${fits(name) ? markup`<text x="${x}" y="${BAR_Y - 7}">${name}</text>` : null}${fits(time) ? markup`<text class="quiet" x="${x}" y="${BAR_Y + 36}">${time}</text>` : null}\n`;
}
