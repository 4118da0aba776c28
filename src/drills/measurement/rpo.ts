import { formatDurationUs } from "../../support/format.ts";
import type { Plan } from "../plan.ts";
import type { Age, MeasuredAge } from "./clock-schema.ts";
import type { Marks } from "./marks.ts";
import type { Observed } from "./observed-schema.ts";
import type { Loss, RpoVerdict } from "./verdict-schema.ts";

type Judgement = Pick<RpoVerdict, "verdict" | "reason" | "marginUs">;

/**
 * The RPO's verdict. `newest_survivor_age` is compared where a survivor was read; a heartbeat's is a measurement, a query's
 * an estimate. Else `recovery_point_age`, an estimate. Only a recovered service (T6) can meet it; a copy that is provably
 * too old misses it whatever became of the rest.
 */
export function rpoVerdict(plan: Plan, loss: Loss, observed: Observed, marks: Marks): RpoVerdict {
  const targetUs = plan.objectives.rpoMs === null ? null : plan.objectives.rpoMs * 1000;
  const compared = observed.survivors.length > 0 ? "newest_survivor_age" : "recovery_point_age";
  const value: Age = compared === "newest_survivor_age" ? loss.newestSurvivorAge : loss.recoveryPointAge;
  const basis = value.status === "measured" ? value.basis : null;
  const head = {
    targetUs,
    setBy: plan.objectives.setBy.rpo,
    value,
    compared: basis === null ? null : compared,
    basis,
  } as const;
  if (targetUs === null) return { ...head, verdict: "not_set", reason: "no RPO was set", marginUs: null };
  if (value.status !== "measured") return { ...head, ...unknown(gaveUp(marks) ? notRecovered(marks) : value.reason) };
  const judgement = compare(value, targetUs);
  const reason = `${judgement.reason} (${value.source}${basis === "estimate" ? ", an estimate" : ""})`;
  if (judgement.verdict === "met" && marks.T6.moment === null) return { ...head, ...unknown(notRecovered(marks)) };
  return { ...head, ...judgement, reason };
}

const unknown = (reason: string): Judgement => ({ verdict: "not_measured", marginUs: null, reason });

/** A recovery that began and did not come to T6 explains a missing number better than the number's own source does. */
const gaveUp = (marks: Marks): boolean => marks.T3.moment !== null && marks.T6.moment === null;

function notRecovered(marks: Marks): string {
  const { mark } = marks.T6;
  return `not recovered, so what would be lost cannot be told${mark.status === "measured" ? "" : ` (${mark.reason})`}`;
}

function compare(value: MeasuredAge, targetUs: number): Judgement {
  const marginUs = targetUs - value.hiUs;
  const target = formatDurationUs(targetUs);
  if (marginUs >= 0) return { verdict: "met", marginUs, reason: `${value.text} is within ${target}` };
  if (value.loUs > targetUs) return { verdict: "missed", marginUs, reason: `${value.text} is more than ${target}` };
  return unknown(`${value.text} lies on both sides of the target of ${target}: the measurement is too coarse to tell`);
}
