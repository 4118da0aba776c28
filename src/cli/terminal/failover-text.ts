import type { RunResult } from "../../drills/result.ts";
import { takeoverOf } from "../../drills/takeover-of.ts";
import { formatDurationUs } from "../../support/format.ts";
import type { Paint } from "./paint.ts";
import { oneLine } from "./plain-text.ts";

/** Who took over, for how long clients were cut off and what they lost: a line each, and none for a drill without. */
export function failoverText(result: RunResult, paint: Paint): string[] {
  const lines = [...takenOver(result), ...segments(result), ...outage(result, paint), ...lost(result, paint)];
  return lines.length === 0 ? [] : [paint.bold("Failover"), ...lines];
}

function takenOver(result: RunResult): string[] {
  const { promotion, fencing } = takeoverOf(result);
  const fenced = fencing === null ? "" : `; ${oneLine(fencing.node, 60)} fenced (${fencing.how.replace("_", " ")})`;
  if (promotion === null) return fencing === null ? [] : [`  nobody was promoted${fenced}`];
  return [`  ${oneLine(promotion.node, 60)} promoted: ${oneLine(promotion.reason, 120)}${fenced}`];
}

function segments({ segments: parts }: RunResult): string[] {
  const texts = parts.flatMap(({ name, duration }) =>
    duration.status === "measured" && duration.hiUs > 0
      ? [`${name.replace("_", " ")} ${formatDurationUs(duration.valueUs)}`]
      : [],
  );
  return texts.length === 0 ? [] : [`  ${texts.join(", ")}`];
}

function outage({ observed, durations: { outageClient } }: RunResult, paint: Paint): string[] {
  if (outageClient.status === "not_applicable") return [];
  if (outageClient.status === "not_measured")
    return [paint.warn(`  clients' outage not measured: ${oneLine(outageClient.reason, 160)}`)];
  const others = (observed.outages?.outagesInAll ?? 0) - 1;
  const more = others > 0 ? `; ${others} more outage${others === 1 ? "" : "s"} in the run` : "";
  return [`  clients' outage: ${outageClient.text}${more}`];
}

function lost({ observed, loss: { lostAcknowledged } }: RunResult, paint: Paint): string[] {
  if (observed.traffic === null && observed.canary === null) return [];
  if (lostAcknowledged.status !== "measured")
    return [paint.warn(`  loss not measured: ${oneLine(lostAcknowledged.reason, 240)}`)];
  const text = `  ${oneLine(lostAcknowledged.text, 240)}`;
  return [lostAcknowledged.lost === 0 ? paint.good(text) : paint.bad(text)];
}
