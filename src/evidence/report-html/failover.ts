import type { RunResult } from "../../drills/result.ts";
import { takeoverOf } from "../../drills/takeover-of.ts";
import { formatBytes, formatDurationUs } from "../../support/format.ts";
import { markup, type Html, type HtmlValue } from "./html.ts";
import { badge, code, measuredOr, pairs, section, small, table } from "./parts.ts";
import { sinceT0 } from "./since-t0.ts";
import { SEGMENT_NAMES, segmentsSvg } from "./segments-svg.ts";

/** How the service changed hands: what it took, who took over and why, and what keeps the old primary out. */
export function failover(result: RunResult): Html | null {
  const { injections, promotions, fencings, rebuilds } = result.observed;
  if (injections.length + promotions.length + fencings.length + rebuilds.length === 0) return null;
  return section("failover", "Failover", segments(result), pairs(handover(result)), candidates(result));
}

function segments({ segments: parts }: RunResult): Html | null {
  if (parts.length === 0) return null;
  const columns = [{ title: "Segment" }, { title: "From" }, { title: "To" }, { title: "Took", numeric: true }];
  const rows = parts.map(({ name, from, to, duration }) => [SEGMENT_NAMES[name], from, to, measuredOr(duration)]);
  return markup`${segmentsSvg(parts)}${table("What the time to the first write is made of; the segments follow each other without a gap", columns, rows)}`;
}

type Item = readonly [string, HtmlValue];

function handover(result: RunResult): readonly Item[] {
  const { injections, rebuilds } = result.observed;
  const { promotion, fencing } = takeoverOf(result);
  return [
    ...injections.map((each): Item => [
      "Fault",
      markup`${code(each.fault)} on ${code(each.node)} at ${sinceT0(result, each.done)}<br>${small(each.detail)}`,
    ]),
    ["Promoted", promotion === null ? "nobody" : promoted(result, promotion)],
    ["Fenced", fencing === null ? badge("warn", "no step fenced the old primary") : fenced(result, fencing)],
    ...rebuilds.map((each): Item => ["Made a standby again", rebuilt(result, each)]),
    ["Without a standby", measuredOr(result.durations.unprotected)],
    ["Return phase", measuredOr(result.durations.failback)],
  ];
}

type Observed = RunResult["observed"];

function promoted(result: RunResult, each: Observed["promotions"][number]): Html {
  const known =
    each.knownLsn === null
      ? "how far the old primary had come is not known"
      : `the old primary had come at least to ${each.knownLsn.lsn} (${each.knownLsn.from}, ${formatDurationUs(each.knownLsn.ageUs)} before)`;
  return markup`${code(each.node)} at ${sinceT0(result, each.promoted)}, ${measuredOr(result.durations.promotion)} after it was asked to<br>${small(markup`${each.reason}. Timeline ${each.fromTimeline} to ${each.toTimeline} at ${code(each.promotedLsn)}; ${known}.`)}`;
}

function fenced(result: RunResult, each: Observed["fencings"][number]): Html {
  const proofs = each.proofs.map((proof) => markup`<li>${proof}</li>`);
  return markup`${code(each.node)}, ${each.how.replace("_", " ")} at ${sinceT0(result, each.at)}${proofs.length === 0 ? markup` ${badge("warn", "nothing was asked afterwards")}` : markup`<ul>${proofs}</ul>`}`;
}

function rebuilt(result: RunResult, each: Observed["rebuilds"][number]): Html {
  const bytes = each.bytes === null ? "" : `, ${formatBytes(each.bytes)}`;
  const kept = each.kept === null ? null : markup`; the old data is kept in ${code(each.kept)}`;
  return markup`${code(each.node)} by ${each.method.replace("_", " ")}${bytes}, streaming at ${sinceT0(result, each.streaming)}<br>${small(markup`${each.reason}${kept}`)}`;
}

function candidates(result: RunResult): Html | null {
  const { promotion } = takeoverOf(result);
  if (promotion === null || promotion.candidates.length === 0) return null;
  const columns = [
    { title: "Standby" },
    { title: "Received" },
    { title: "Replayed" },
    { title: "Timeline", numeric: true },
    { title: "Behind", numeric: true },
    { title: "Fit" },
  ];
  const rows = promotion.candidates.map((each) => [
    each.node,
    code(each.receivedLsn ?? "unknown"),
    code(each.replayedLsn ?? "unknown"),
    each.timeline ?? "–",
    each.lagBytes === null ? "unknown" : formatBytes(each.lagBytes),
    each.unfit === null
      ? badge(each.node === promotion.node ? "ok" : "idle", each.node === promotion.node ? "promoted" : "yes")
      : small(each.unfit),
  ]);
  return table("The standbys that could have been promoted", columns, rows);
}
