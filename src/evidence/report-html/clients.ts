import type { RunResult } from "../../drills/result.ts";
import { formatBytes, formatCount, formatDurationUs } from "../../support/format.ts";
import { markup, type Html, type HtmlValue } from "./html.ts";
import { badge, code, measuredOr, pairs, section, small, table } from "./parts.ts";
import { sinceT0 } from "./since-t0.ts";

type Item = readonly [string, HtmlValue];

/** What clients saw and what they were told: the outage, every class of transactions, and what the looking itself cost. */
export function clients(result: RunResult): Html | null {
  const { traffic, canary, outages } = result.observed;
  if (traffic === null && canary === null && outages === null) return null;
  return section("clients", "As clients saw it", pairs(seen(result)), outageRows(result), classes(result));
}

function seen(result: RunResult): readonly Item[] {
  const { traffic, canary, outages } = result.observed;
  const items: Item[] = [["Outage", measuredOr(result.durations.outageClient)]];
  if (outages !== null) {
    const every = `every ${formatDurationUs(outages.probeIntervalUs)}, ${formatDurationUs(outages.connectTimeoutUs)} to connect and ${formatDurationUs(outages.answerTimeoutUs)} for an answer`;
    items.push(
      ["Path", code(outages.path)],
      ["Probes", `${formatCount(outages.failed)} of ${formatCount(outages.probes)} failed; ${every}`],
    );
  }
  if (traffic !== null) {
    const sync = traffic.synchronousCommit === null ? "as the server has it" : traffic.synchronousCommit;
    const each = `each one transaction of ${formatBytes(traffic.payloadBytes)} every ${formatDurationUs(traffic.intervalUs)}`;
    items.push(["Writers", `${traffic.writers}, ${each}; synchronous_commit ${sync}`]);
  }
  if (canary !== null) {
    const { load, readFrom } = canary;
    const rate = `${formatCount(load.transactionsPerSecond)} transactions and ${formatBytes(load.bytesPerSecond)} a second`;
    items.push(["Load added", `${rate}, and the probes`]);
    items.push([
      "Read back from",
      markup`${code(`${readFrom.host}:${readFrom.port}`)}, timeline ${readFrom.timeline}, ${code(readFrom.lsn)}, at ${sinceT0(result, canary.readAt)}`,
    ]);
  }
  return items;
}

const MAX_OUTAGES = 50;

function outageRows(result: RunResult): Html | null {
  const { outages } = result.observed;
  if (outages === null || outages.outages.length === 0) return null;
  const columns = [
    { title: "First failure" },
    { title: "First write after", numeric: true },
    { title: "Out for", numeric: true },
    { title: "Server" },
    { title: "Reason" },
  ];
  const rows = outages.outages
    .slice(0, MAX_OUTAGES)
    .map(({ lastGood, firstFailed, firstWrite, from, to, reason }) => [
      sinceT0(result, firstFailed),
      firstWrite === null ? "none" : sinceT0(result, firstWrite),
      firstWrite === null || lastGood === null ? "–" : formatDurationUs(firstWrite.monoUs - lastGood.monoUs),
      `${from ?? "none"} to ${to ?? "none"}`,
      small(reason),
    ]);
  const kept =
    rows.length < outages.outagesInAll
      ? `The first ${rows.length} of ${formatCount(outages.outagesInAll)} outages`
      : "Every outage";
  return table(`${kept} that the prober saw, from the last good probe to the first write`, columns, rows);
}

function classes(result: RunResult): Html | null {
  const { canary } = result.observed;
  if (canary === null) return null;
  const { counts } = canary;
  const rows: readonly (readonly [string, number, string])[] = [
    ["Survived", counts.survived, "acknowledged and there"],
    ["Lost", counts.lost, "acknowledged and gone"],
    ["Recovered, unknown", counts.recoveredUnknown, "never answered, and there"],
    ["Failed", counts.failed, "never answered or refused, and not there"],
    ["Phantom", counts.phantom, "there, and never sent"],
    ["Duplicated", counts.duplicated, "there more than once"],
    ["Altered", counts.altered, "there, with another content"],
  ];
  const bad = new Set(["Lost", "Phantom", "Duplicated", "Altered"]);
  const columns = [{ title: "Class" }, { title: "Transactions", numeric: true }, { title: "Meaning" }];
  const shown = rows.map(([name, count, meaning]) => [
    name,
    count > 0 && bad.has(name) ? badge("bad", formatCount(count)) : formatCount(count),
    meaning,
  ]);
  return markup`${table(`Every one of ${formatCount(counts.sent)} transactions sent, in exactly one class`, columns, shown)}${gone(result)}`;
}

const MAX_RANGES = 20;

function gone(result: RunResult): Html | null {
  const { lostAcknowledged: lost } = result.loss;
  if (lost.status !== "measured" || lost.gone === null) return null;
  const { first, last, spanUs, bytes, ranges, rangesInAll, file } = lost.gone;
  const items: readonly Item[] = [
    ["First lost", markup`writer ${first.writer}, number ${first.seq}, acknowledged at ${sinceT0(result, first)}`],
    ["Last lost", markup`writer ${last.writer}, number ${last.seq}, acknowledged at ${sinceT0(result, last)}`],
    ["Span", `${formatDurationUs(spanUs)}, ${formatBytes(bytes)}`],
    ["Ranges", rangesText(ranges, rangesInAll)],
    ["All of them", markup`${code(file)} in the run's folder`],
  ];
  return pairs(items);
}

function rangesText(ranges: readonly { writer: number; from: number; to: number }[], inAll: number): string {
  const shown = ranges
    .slice(0, MAX_RANGES)
    .map(({ writer, from, to }) => `writer ${writer}: ${from}${to === from ? "" : ` to ${to}`}`);
  const more = inAll - shown.length;
  return `${shown.join("; ")}${more > 0 ? `; and ${formatCount(more)} more` : ""}`;
}
