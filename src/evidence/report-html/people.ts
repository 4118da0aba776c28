import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";
import { badge, section, small, table } from "./parts.ts";
import { sinceT0 } from "./since-t0.ts";

export function people(result: RunResult): Html | null {
  const { humanWaits } = result.observed;
  if (humanWaits.length === 0) return null;
  const columns = [
    { title: "Question" },
    { title: "Answer" },
    { title: "Who" },
    { title: "Asked" },
    { title: "Waited", numeric: true },
  ];
  const rows = humanWaits.map(({ what, decision, who, role, comment, from, to }) => [
    what,
    markup`${badge(decision === "approved" ? "ok" : "warn", decision.replace("_", " "))}${comment === null ? null : markup`<br>${small(comment)}`}`,
    markup`${who ?? "nobody"}${role === null ? null : markup`<br>${small(`asked as ${role}`)}`}`,
    sinceT0(result, from),
    formatDurationUs(Math.max(0, to.monoUs - from.monoUs)),
  ]);
  const caption = "Every question to a person; what was waited before T0 or after T6 is not in the recovery time";
  return section("people", "Waiting for people", table(caption, columns, rows));
}
