import { createHash } from "node:crypto";
import type { Plan } from "../../drills/plan.ts";
import type { RunResult } from "../../drills/result.ts";
import type { Recorded } from "../../drills/run-event.ts";
import { clients } from "./clients.ts";
import { failover } from "./failover.ts";
import { markup, type Html, trusted } from "./html.ts";
import { journal } from "./journal.ts";
import { section } from "./parts.ts";
import { people } from "./people.ts";
import { cleanup, isolation, marks, method } from "./proof.ts";
import { recovery } from "./recovery.ts";
import { checks, contributions, steps } from "./steps.ts";
import { STYLES } from "./styles.ts";
import { heading, summary } from "./summary.ts";
import { timelineSvg } from "./timeline-svg.ts";

/**
 * The report as one self-contained page: no script, no request to anywhere, styles of its own only. The same input gives
 * the same bytes. `records` may be those of an unfinished run, as long as `result` was measured from them.
 */
export function renderReport(result: RunResult, plan: Plan, records: readonly Recorded[]): string {
  return page(result, [
    summary(result),
    section("timeline", "Timeline", timelineSvg(result, endUs(result)), marks(result)),
    failover(result),
    clients(result),
    people(result),
    contributions(result),
    checks(result),
    steps(result),
    ...(usesCopy(result) ? [recovery(result), isolation(result)] : []),
    cleanup(result),
    method(result, plan),
    journal(records),
  ]).text;
}

/** A failover restores nothing: it has neither a source nor a fence to speak of. */
function usesCopy({ observed }: RunResult): boolean {
  return (
    observed.source !== null ||
    observed.isolation.length > 0 ||
    observed.promotions.length + observed.fencings.length === 0
  );
}

/** The hash lets exactly this style sheet in; everything else is refused by the browser. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLES).digest("base64")}'; base-uri 'none'; form-action 'none'`;

function page(result: RunResult, body: readonly (Html | null)[]): Html {
  const { run } = result;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${run.title}: ${result.result.replaceAll("_", " ")}</title>
<style>${trusted(STYLES)}</style>
</head>
<body>
${heading(result)}<main>
${body}</main>
<footer><p>${run.tool}, ${result.schemaVersion}, run ${run.id}. This page holds no script and loads nothing.</p></footer>
</body>
</html>
`;
}

/** Last instant on the time line: the end of what was recorded. */
function endUs(result: RunResult): number {
  const { run } = result.durations;
  const known = [
    run.status === "measured" ? run.valueUs : 0,
    ...result.marks.map((mark) => (mark.status === "measured" ? mark.atUs : 0)),
    ...result.steps.flatMap((step) => [step.startedAtUs ?? 0, step.endedAtUs ?? 0]),
  ];
  return Math.max(...known, 1);
}
