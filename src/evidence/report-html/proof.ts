import type { Plan } from "../../drills/plan.ts";
import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";
import { badge, code, measuredOr, offset, pairs, section, small, table } from "./parts.ts";

/** What an auditor reads: isolation, cleanup, and how everything was measured. */

export function isolation(result: RunResult): Html {
  const { isolation: probes } = result.observed;
  if (probes.length === 0)
    return section(
      "isolation",
      "Isolation",
      markup`<p>${badge("warn", "not shown")} No step probed the fence of the copy.</p>`,
    );
  const columns = [{ title: "Probe" }, { title: "Held" }, { title: "Expected" }, { title: "Answer" }];
  const rows = probes.map((each) => [
    each.probe,
    each.ok ? badge("ok", "yes") : badge("bad", "no"),
    each.expected,
    each.actual,
  ]);
  return section("isolation", "Isolation", table("What the copy was asked before it was used", columns, rows));
}

const CLEANED = {
  verified: badge("ok", "everything is gone, verified"),
  incomplete: badge("bad", "incomplete"),
  not_finished: badge("warn", "not finished"),
  nothing_created: badge("idle", "nothing was created"),
} as const;

export function cleanup(result: RunResult): Html {
  const { status, problem, resources } = result.cleanup;
  const head = markup`<p>${CLEANED[status]}${problem === null ? null : markup` ${problem}`}</p>`;
  if (resources.length === 0) return section("cleanup", "Cleanup", head);
  const columns = [{ title: "Resource" }, { title: "State" }, { title: "When" }, { title: "Verified by" }];
  const rows = resources.map((each) => [
    markup`${each.title}<br>${small(markup`${each.kind}, made by ${code(each.step)}`)}`,
    each.state === "destroyed"
      ? badge("ok", "gone")
      : markup`${badge("bad", each.state)}<br>${small(each.reason ?? "")}`,
    each.destroyedWallUs === null ? "–" : formatWallUs(each.destroyedWallUs),
    each.verifiedBy ?? "–",
  ]);
  return section("cleanup", "Cleanup", head, table("Every resource the run planned", columns, rows));
}

export function marks(result: RunResult): Html {
  const columns = [
    { title: "Mark" },
    { title: "Time" },
    { title: "From T0", numeric: true },
    { title: "Clock" },
    { title: "Note" },
  ];
  const rows = result.marks.map((mark) => {
    const name = markup`${mark.mark} ${small(mark.meaning)}`;
    if (mark.status !== "measured") return [name, measuredOr(mark), "–", "–", ""];
    const resolution = mark.resolutionUs === 0 ? "" : `, up to ${formatDurationUs(mark.resolutionUs)} earlier`;
    return [
      name,
      formatWallUs(mark.wallUs, 6),
      offset(result, mark.atUs),
      `${mark.source}${resolution}`,
      small(mark.note ?? ""),
    ];
  });
  return table("The marks of the recovery clock", columns, rows);
}

const DURATIONS: readonly (readonly [keyof RunResult["durations"], string])[] = [
  ["rtaTotal", "Recovery, total (T0 to T6)"],
  ["rtaTechnical", "Recovery, technical (T3 to T6)"],
  ["humanWait", "Waiting for people"],
  ["outageClient", "Outage seen by a client"],
  ["detection", "Detection (T0 to T1)"],
  ["decision", "Decision (T0 to T2)"],
  ["start", "Start (T2 to T3)"],
  ["firstRead", "First read (T3 to T4)"],
  ["firstWrite", "First write (T3 to T5)"],
  ["verification", "Verification (to T6)"],
  ["hold", "Hold (T6 to T7)"],
  ["fencing", "Fencing (T3 to the proof)"],
  ["promotion", "Promotion (asked to promoted)"],
  ["unprotected", "Without a standby (from T0)"],
  ["failback", "Return phase"],
  ["run", "Whole run with cleanup"],
];
/** Shown only for drills that have them. */
const OF_FAILOVER: ReadonlySet<keyof RunResult["durations"]> = new Set([
  "fencing",
  "promotion",
  "unprotected",
  "failback",
]);

export function method(result: RunResult, plan: Plan): Html {
  const { run, clock, durations } = result;
  const columns = [{ title: "Duration" }, { title: "Value" }];
  const shown = DURATIONS.filter(([key]) => !OF_FAILOVER.has(key) || durations[key].status !== "not_applicable");
  const rows = shown.map(([key, name]) => [name, measuredOr(durations[key])]);
  return section(
    "method",
    "How it was measured",
    markup`<p>Every number is computed from the run's journal (${run.records} records) and nothing else. Durations come from the monotonic clock of ${run.host}; each is an interval, and a verdict compares its pessimistic end. What could not be measured says so and never counts as met.</p>
${clockNotes(clock)}`,
    table("Durations between the marks", columns, rows),
    pairs([
      ["Run", code(run.id)],
      ["Plan sha256", code(run.planSha256)],
      [
        "Playbook file",
        markup`${code(plan.source.playbookPath)}<br>${small(markup`sha256 ${code(plan.source.playbookSha256)}`)}`,
      ],
      ["Mode", run.mode],
      ["Trigger", run.trigger],
      ["Executed by", `${run.user} on ${run.host}`],
      ["Tool", run.tool],
      ["Seed", code(run.seed)],
      ["Installation", code(run.installation)],
      ["Controls", run.controls.length === 0 ? "none named" : markup`supports (partially): ${run.controls.join(", ")}`],
    ]),
  );
}

function clockNotes(clock: RunResult["clock"]): Html {
  const notes: Html[] = [];
  if (clock.bootChanges > 0) {
    notes.push(
      markup`<li>The machine was restarted ${clock.bootChanges} time(s) during the run: durations across it are differences of wall clocks, ±${formatDurationUs(clock.bootUncertaintyUs)} each.</li>`,
    );
  }
  for (const jump of clock.wallJumps) {
    notes.push(
      markup`<li>The wall clock jumped by ${formatDurationUs(jump.jumpUs)} before record ${jump.seq}: no duration changed, every age was widened by it.</li>`,
    );
  }
  return notes.length === 0
    ? markup`<p>The machine was not restarted and its wall clock did not jump during the run.</p>`
    : markup`<ul>${notes}</ul>`;
}
