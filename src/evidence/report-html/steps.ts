import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";
import { badge, code, offset, section, small, table, type Tone } from "./parts.ts";

type Step = RunResult["steps"][number];
type Check = RunResult["checks"][number];

export function contributions(result: RunResult): Html {
  const { criticalPath: path } = result;
  if (path.windowUs === null) {
    return section(
      "path",
      "What the recovery time is made of",
      markup`<p>The recovery did not reach T6, so there is no time to share out.</p>`,
    );
  }
  const rows = path.contributions.map(({ step, criticalUs, sharePermille }) => [
    markup`${titleOf(result, step)}<br>${small(code(step))}`,
    formatDurationUs(criticalUs),
    percent(sharePermille),
    share(sharePermille),
  ]);
  const between = Math.round((path.betweenStepsUs * 1000) / Math.max(1, path.windowUs));
  const all = [
    ...rows,
    [
      markup`Between steps<br>${small("deciding, journaling, starting")}`,
      formatDurationUs(path.betweenStepsUs),
      percent(between),
      share(between),
    ],
  ];
  const columns = [
    { title: "Step" },
    { title: "Time", numeric: true },
    { title: "Share", numeric: true },
    { title: "" },
  ];
  const caption = `Critical path of ${path.window === "T0-T6" ? "T0 to T6" : "T3 to T6"}, ${formatDurationUs(path.windowUs)}, largest first`;
  return section("path", "What the recovery time is made of", shrinking(result), table(caption, columns, all));
}

/** Which step must shrink by how much for the RTO to be met? */
function shrinking(result: RunResult): Html | null {
  const { shrink } = result.criticalPath;
  if (shrink === null) return null;
  const overrun = markup`<p>The recovery must become <strong>${formatDurationUs(shrink.overrunUs)}</strong> shorter to meet the RTO.</p>`;
  const items = (list: typeof shrink.alone): Html =>
    markup`<ul>${list.map(({ step, byUs, ofUs }) => markup`<li><strong>${titleOf(result, step)}</strong> by ${formatDurationUs(byUs)} of its ${formatDurationUs(ofUs)}</li>`)}</ul>`;
  if (shrink.alone.length > 0) return markup`${overrun}<p>Any one of these would be enough:</p>${items(shrink.alone)}`;
  if (shrink.enough)
    return markup`${overrun}<p>No step alone is enough; these together are:</p>${items(shrink.together)}`;
  return markup`${overrun}<p>Even without all of these steps it would be too slow; the rest is time between steps:</p>${items(shrink.together)}`;
}

const titleOf = (result: RunResult, id: string): string => result.steps.find((step) => step.id === id)?.title ?? id;
const percent = (permille: number): string => `${(permille / 10).toFixed(1)} %`;

function share(permille: number): Html {
  return markup`<svg class="share" viewBox="0 0 120 10" aria-hidden="true"><rect class="track" width="120" height="10" rx="2"></rect><rect class="critical" width="${Math.max(0, Math.min(120, Math.round(permille * 0.12)))}" height="10" rx="2"></rect></svg>`;
}

const OUTCOMES: Readonly<Record<Step["outcome"], readonly [Tone, string]>> = {
  succeeded: ["ok", "succeeded"],
  check_failed: ["bad", "check failed"],
  errored: ["bad", "errored"],
  timed_out: ["bad", "timed out"],
  in_doubt: ["bad", "in doubt"],
  stopped: ["warn", "stopped"],
  skipped: ["idle", "skipped"],
  not_run: ["idle", "not run"],
  running: ["warn", "unfinished"],
};

export function steps(result: RunResult): Html {
  const columns = [
    { title: "Step" },
    { title: "Phase" },
    { title: "Outcome" },
    { title: "Start", numeric: true },
    { title: "Duration", numeric: true },
    { title: "Attempts", numeric: true },
    { title: "Critical path", numeric: true },
  ];
  const rows = result.steps.map((step) => [
    markup`${step.title}<br>${small(markup`${code(step.id)} ${step.uses}${step.required ? "" : ", optional"}`)}`,
    step.phase,
    outcome(step),
    offset(result, step.startedAtUs),
    step.duration.status === "measured" ? formatDurationUs(step.duration.valueUs) : "–",
    step.attempts === 0 ? "–" : step.attempts,
    step.criticalUs === 0 ? "–" : percent(step.criticalSharePermille),
  ]);
  return section(
    "steps",
    "Steps",
    table("Every step of the plan; start counts from T0, duration includes waits between attempts", columns, rows),
  );
}

function outcome(step: Step): Html {
  const [tone, word] = OUTCOMES[step.outcome];
  if (step.failure !== null) {
    const hint = step.failure.hint === null ? null : markup`<br>${small(`Hint: ${step.failure.hint}`)}`;
    return markup`${badge(tone, word)}<br>${small(markup`${code(step.failure.code)} ${step.failure.message}`)}${hint}`;
  }
  return step.skipped === null ? badge(tone, word) : markup`${badge(tone, word)}<br>${small(step.skipped.message)}`;
}

const STATUSES: Readonly<Record<Check["status"], readonly [Tone, string]>> = {
  passed: ["ok", "passed"],
  failed: ["bad", "failed"],
  error: ["warn", "no answer"],
  not_run: ["idle", "not run"],
};

export function checks(result: RunResult): Html {
  if (result.checks.length === 0)
    return section("checks", "Checks", markup`<p>The playbook asks nothing of the recovered copy.</p>`);
  const columns = [
    { title: "Check" },
    { title: "Answer" },
    { title: "Expected" },
    { title: "Seen" },
    { title: "Looked at" },
  ];
  const rows = result.checks.map((check) => {
    const [tone, word] = STATUSES[check.status];
    const why = check.reason === null ? null : markup`<br>${small(check.reason)}`;
    return [
      markup`${check.title}<br>${small(markup`${code(check.step)} ${check.required ? "required" : "optional"}`)}`,
      markup`${badge(tone, word)}${why}`,
      check.expected ?? "–",
      check.actual ?? "–",
      check.coverage === null ? "–" : `${check.coverage.checked} of ${check.coverage.total} ${check.coverage.unit}`,
    ];
  });
  return section("checks", "Checks", table("What was asked of the recovered copy", columns, rows));
}
