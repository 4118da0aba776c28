import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";

const WIDTH = 400;
const HEIGHT = 34;

/** A bar from nothing to the measured value, with the target as a needle and the uncertainty at its end. */
export function gauge(
  value: { readonly valueUs: number; readonly loUs: number; readonly hiUs: number },
  targetUs: number,
  title: string,
): Html {
  const fullUs = Math.max(targetUs, value.hiUs, 1) * 1.08;
  const x = (us: number): number => Math.round((us / fullUs) * WIDTH * 10) / 10;
  const met = value.hiUs <= targetUs;
  const label = `${title}: ${formatDurationUs(value.valueUs)} of ${formatDurationUs(targetUs)}`;
  return markup`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
<rect class="track" x="0" y="4" width="${WIDTH}" height="10" rx="2"></rect>
<rect class="${met ? "good" : "broken"}" x="0" y="4" width="${x(value.loUs)}" height="10" rx="2"></rect>
<rect class="unsure" x="${x(value.loUs)}" y="4" width="${Math.max(1, x(value.hiUs) - x(value.loUs))}" height="10"></rect>
<line class="needle" x1="${x(targetUs)}" x2="${x(targetUs)}" y1="0" y2="18"></line>
<text class="quiet" x="${x(targetUs)}" y="31" text-anchor="${x(targetUs) > WIDTH / 2 ? "end" : "start"}">target ${formatDurationUs(targetUs)}</text>
</svg>
`;
}
