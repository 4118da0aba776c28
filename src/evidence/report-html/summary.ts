import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";
import { gauge } from "./gauge-svg.ts";
import { badge, code, measuredOr, section, small, table, type Tone } from "./parts.ts";

/** What a manager reads: what was drilled, the result, the targets against what was measured, the loss, the deviations. */
export function summary(result: RunResult): Html {
  return markup`${verdict(result)}${objectives(result)}${loss(result)}${deviations(result)}`;
}

export function heading(result: RunResult): Html {
  const { run } = result;
  const system =
    run.system === null
      ? null
      : markup`<li>System <strong>${run.system.name}</strong> (${run.system.environment})</li>`;
  return markup`<header>
<p class="kicker">Recovery drill report</p>
<h1>${run.title}</h1>
<ul class="facts">${system}<li>Playbook <strong>${run.playbook}</strong></li><li>Started <strong>${formatWallUs(run.startedWallUs, 0)}</strong></li>
<li>Run ${code(run.id)}</li>${run.owner === null ? null : markup`<li>Owner <strong>${run.owner}</strong></li>`}</ul>
${run.mode === "simulated" ? markup`<p class="stamp">SIMULATED: nothing was recovered. This is not evidence.</p>` : null}
</header>
`;
}

const WORDS: Readonly<Record<RunResult["result"], readonly [tone: Tone, sign: string, word: string]>> = {
  passed: ["ok", "✓", "Passed"],
  passed_with_deviations: ["ok", "✓", "Passed, with deviations"],
  failed: ["bad", "✕", "Failed"],
  inconclusive: ["warn", "?", "Inconclusive"],
  aborted: ["warn", "■", "Aborted"],
  error: ["bad", "!", "Error: the drill itself broke"],
};

function verdict(result: RunResult): Html {
  const [tone, sign, word] = WORDS[result.result];
  const [first, ...others] = result.reasons;
  const also =
    others.length === 0
      ? null
      : markup`<ul>${others.map((reason) => markup`<li>${reason.message} ${small(reason.rule)}</li>`)}</ul>`;
  return markup`<section class="verdict ${tone}" aria-label="Result">
<p class="word"><span class="sign" aria-hidden="true">${sign}</span> ${word}</p>
<p class="because">${sentence(first?.message ?? "")}</p>
${also}<p class="meta">${small(markup`Rule ${code(result.rule)}, exit code ${result.exitCode}. Counts as evidence: ${result.evidence.counts ? "yes" : "no"} (${result.evidence.reason}).`)}</p>
</section>
`;
}

function sentence(text: string): string {
  return text === "" ? "" : text.slice(0, 1).toUpperCase() + text.slice(1);
}

const VERDICTS: Readonly<Record<RunResult["objectives"]["rto"]["verdict"], readonly [tone: Tone, word: string]>> = {
  met: ["ok", "met"],
  missed: ["bad", "missed"],
  not_measured: ["warn", "not measured"],
  not_set: ["idle", "no target set"],
};

function objectives(result: RunResult): Html {
  return section(
    "objectives",
    "Objectives",
    markup`<div class="tiles">${recoveryTime(result)}${dataLoss(result)}</div>`,
  );
}

function recoveryTime(result: RunResult): Html {
  const { rto } = result.objectives;
  const [tone, word] = VERDICTS[rto.verdict];
  const measured = rto.value.status === "measured" ? rto.value : null;
  const number = measured?.text ?? withoutTime(result);
  const { rtaTotal, rtaTechnical, humanWait } = result.durations;
  return markup`<div class="tile"><h3>Recovery time (RTO) ${badge(tone, word)}</h3>
<p class="number">${number}</p>
<p>${target(rto)}${margin(rto.marginUs)}</p>
${measured === null || rto.targetUs === null ? null : gauge(measured, rto.targetUs, "Recovery time against its target")}
<p>${small(markup`Compared: the ${rto.clock} clock, ${rto.clock === "total" ? "T0 to T6" : "T3 to T6"}. Total ${brief(rtaTotal)}, technical ${brief(rtaTechnical)}, waiting for people ${brief(humanWait)}.`)}</p>
${why(rto, measured !== null)}
</div>
`;
}

/** No recovery time: how long it had taken when it ended otherwise. */
function withoutTime(result: RunResult): string {
  const { elapsed } = result.objectives.rto;
  if (elapsed.status !== "measured") return "not measured";
  const verified = result.marks.some((mark) => mark.mark === "T6" && mark.status === "measured");
  return verified ? `${elapsed.text}, and not seen to hold` : `not recovered after ${elapsed.text}`;
}

function dataLoss(result: RunResult): Html {
  const { rpo } = result.objectives;
  const [tone, word] = VERDICTS[rpo.verdict];
  const measured = rpo.value.status === "measured" ? rpo.value : null;
  return markup`<div class="tile"><h3>Data loss (RPO) ${badge(tone, rpo.basis === "estimate" ? `${word} (estimate)` : word)}</h3>
<p class="number">${measured?.text ?? "not measured"}</p>
<p>${target(rpo)}${margin(rpo.marginUs)}</p>
${measured === null || rpo.targetUs === null ? null : gauge(measured, rpo.targetUs, "Data loss against its target")}
<p>${small(rpo.compared === null ? "Nothing was compared." : markup`Compared: ${code(rpo.compared)}${measured === null ? "" : `, ${measured.source}`}.`)}</p>
${told(result)}${why(rpo, measured !== null)}
</div>
`;
}

/** A loss is compared as time; to people it is transactions first. */
function told({ loss: { lostAcknowledged } }: RunResult): Html | null {
  if (lostAcknowledged.status !== "measured" || lostAcknowledged.lost === 0) return null;
  return markup`<p>${sentence(lostAcknowledged.text)}.</p>
`;
}

/** Where the number and the target say it themselves, nothing is repeated. */
function why(objective: { readonly verdict: string; readonly reason: string }, measured: boolean): Html | null {
  if (objective.verdict === "not_set" || (measured && objective.verdict !== "not_measured")) return null;
  return markup`<p>${sentence(objective.reason)}</p>`;
}

function target(objective: { readonly targetUs: number | null; readonly setBy: string | null }): Html {
  if (objective.targetUs === null) return markup`No target was set`;
  return markup`Target <strong>${formatDurationUs(objective.targetUs)}</strong>${objective.setBy === null ? "" : ` (${objective.setBy})`}`;
}

function margin(marginUs: number | null): Html | null {
  if (marginUs === null) return null;
  return markup`, ${marginUs >= 0 ? "to spare" : "too much"} <strong>${formatDurationUs(Math.abs(marginUs))}</strong>`;
}

function brief(value: { readonly status: string; readonly text?: string }): string {
  return value.text ?? value.status.replace("_", " ");
}

function loss(result: RunResult): Html {
  const { recoveryPointAge, replicationLag, newestSurvivorAge, lostAcknowledged } = result.loss;
  const ages = [
    ["Newest survivor", "Age at T0 of the newest row found in the copy", newestSurvivorAge],
    ["Recovery point", "Age at T0 of the last transaction replayed", recoveryPointAge],
  ] as const;
  const rows = [
    ...ages.map(([name, what, age]) => [
      markup`${name}<br>${small(what)}`,
      measuredOr(age),
      age.status === "measured"
        ? markup`${age.source}${age.basis === "estimate" ? markup` ${badge("idle", "estimate")}` : null}`
        : "",
      age.status === "measured" ? small(age.notes.join("; ")) : "",
    ]),
    [
      markup`Acknowledged and lost<br>${small("Transactions a client was told are safe")}`,
      measuredOr(lostAcknowledged),
      lostAcknowledged.status === "measured" ? markup`as time ${measuredOr(lostAcknowledged.time)}` : "",
      lostAcknowledged.status === "measured" && lostAcknowledged.time.status === "measured"
        ? small(lostAcknowledged.time.notes.join("; "))
        : "",
    ],
    [
      markup`Replication lag<br>${small("How far a replica was behind at T0")}`,
      measuredOr(replicationLag),
      replicationLag.status === "measured" ? replicationLag.source : "",
      "",
    ],
  ];
  const columns = [{ title: "Number" }, { title: "Value" }, { title: "From" }, { title: "Notes" }];
  return section("loss", "Loss", table("Four numbers, each by itself; none is made of another", columns, rows));
}

function deviations(result: RunResult): Html {
  if (result.deviations.length === 0) return section("deviations", "Deviations", markup`<p>None.</p>`);
  const items = result.deviations.map(
    ({ code: name, step, message }) =>
      markup`<li>${code(name)}${step === null ? null : markup` in ${code(step)}`}: ${message}</li>\n`,
  );
  return section("deviations", "Deviations", markup`<ul>${items}</ul>`);
}
