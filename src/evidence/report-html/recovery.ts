import type { RunResult } from "../../drills/result.ts";
import { formatBytes, formatDurationUs, formatWallUs } from "../../support/format.ts";
import { markup, type Html, type HtmlValue } from "./html.ts";
import { badge, code, pairs, section, small, table } from "./parts.ts";

/** What it was recovered from, up to where, and on which server. */
export function recovery(result: RunResult): Html {
  return markup`${source(result)}${recoveryPoint(result)}${server(result)}`;
}

const time = (wallUs: number | null): string => (wallUs === null ? "unknown" : formatWallUs(wallUs));

function source(result: RunResult): Html {
  const { source: from, transfers, replays } = result.observed;
  if (from === null)
    return section("source", "Source of recovery", markup`<p>No step named the backup that was used.</p>`);
  const items: (readonly [string, HtmlValue])[] = [
    ["Backup", code(from.backupId)],
    ["Selected", from.selection],
    ["Path", code(from.path)],
    ["Taken with", `${from.tool}, ${from.format}`],
    ["Began", markup`${time(from.startedWallUs)} ${small(`from ${from.timeFrom}`)}`],
    ["Ended", time(from.endedWallUs)],
    ["Size", `${formatBytes(from.sizeBytes)} in ${from.files} files`],
    ["LSN range", markup`${code(from.startLsn)} to ${code(from.stopLsn ?? "unknown")}, timeline ${from.timeline}`],
    ["Archive reaches", code(from.archiveEndLsn ?? "unknown")],
    ["System identifier", code(from.systemIdentifier ?? "unknown")],
    ["Manifest sha256", from.manifestSha256 === null ? "no manifest" : code(from.manifestSha256)],
    ...transfers.map((each): readonly [string, HtmlValue] => [
      "Copied",
      `${formatBytes(each.bytes)} in ${each.files} files in ${formatDurationUs(each.durationUs)}${rate(each.bytes, each.durationUs)} by ${each.method}; ` +
        `${each.verifiedFiles} of ${each.files} files checked (${each.checksum})`,
    ]),
    ...replays.map((each): readonly [string, HtmlValue] => [
      "Replayed",
      `${formatBytes(each.bytes)} of WAL, ${each.segments} segments, in ${formatDurationUs(each.durationUs)}${rate(each.bytes, each.durationUs)}`,
    ]),
  ];
  return section("source", "Source of recovery", pairs(items));
}

function rate(bytes: number, durationUs: number): string {
  return durationUs === 0 ? "" : ` (${formatBytes(Math.round((bytes * 1_000_000) / durationUs))}/s)`;
}

function recoveryPoint(result: RunResult): Html {
  const point = result.observed.recoveryPoint;
  if (point === null)
    return section("point", "Recovery point", markup`<p>No step said up to where the copy was recovered.</p>`);
  const rows = [
    ["Asked for", point.target, "the playbook"],
    ["Reached LSN", code(point.lsn), point.from.lsn],
    [
      "Expected at least",
      code(point.expectedLsn ?? "nothing was expected"),
      point.expectedLsn === null ? "–" : "the backup source",
    ],
    ["Timeline", point.timeline, point.from.timeline],
    [
      "Last replayed commit",
      point.commitWallUs === null ? "none was replayed" : formatWallUs(point.commitWallUs, 6),
      point.from.commitTime,
    ],
    ...result.observed.survivors.map((each) => [
      `Newest row by ${each.via}`,
      formatWallUs(each.newestWallUs, 6),
      markup`${each.what}${each.intervalUs === null ? "" : `, every ${formatDurationUs(each.intervalUs)}`}`,
    ]),
  ];
  const columns = [{ title: "What" }, { title: "Value" }, { title: "Said by" }];
  return section(
    "point",
    "Recovery point",
    table("Up to where the copy was recovered, and who says so", columns, rows),
  );
}

function server(result: RunResult): Html {
  const { server: on } = result.observed;
  if (on === null) return section("server", "Server", markup`<p>No step described the server.</p>`);
  const durability =
    on.durability === "production" ? badge("ok", "as in production") : badge("warn", "throwaway: times are optimistic");
  const settings = Object.entries(on.settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return section(
    "server",
    "Server",
    pairs([
      ["Version", on.version],
      ["Binaries", code(on.binaries)],
      ["Durability", durability],
      ...settings.map(([name, value]): readonly [string, HtmlValue] => [name, code(value === "" ? "''" : value)]),
    ]),
  );
}
