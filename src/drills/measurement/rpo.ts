import { formatDurationUs } from "../../support/format.ts";
import type { Plan } from "../plan.ts";
import type { Age, MeasuredAge } from "./clock-schema.ts";
import type { Marks } from "./marks.ts";
import type { Loss } from "./loss-schema.ts";
import type { Observed } from "./observed-schema.ts";
import type { RpoVerdict } from "./verdict-schema.ts";

type Judgement = Pick<RpoVerdict, "verdict" | "reason" | "marginUs">;

interface Sources {
  readonly plan: Plan;
  readonly loss: Loss;
  readonly observed: Observed;
  readonly marks: Marks;
  /** Age of the newest heartbeat or query row, whatever the canary says. */
  readonly row: Age;
  /** What is there is not what was written. */
  readonly integrity: { readonly message: string } | null;
}

/**
 * The RPO's verdict. What was acknowledged and lost is compared where it was measured, or a heartbeat that proves more to be
 * gone. Else `newest_survivor_age` where a survivor was read; a query's is an estimate. Else `recovery_point_age`, an
 * estimate. Only a recovered service (T6) whose data is what was written can meet it; data that is provably too old misses
 * it whatever became of the rest.
 */
export function rpoVerdict(sources: Sources): RpoVerdict {
  const { plan, marks, integrity } = sources;
  const targetUs = plan.objectives.rpoMs === null ? null : plan.objectives.rpoMs * 1000;
  const { compared, value, atLeastUs, remark } = comparedBy(sources);
  const basis = value.status === "measured" ? value.basis : null;
  const head = {
    targetUs,
    setBy: plan.objectives.setBy.rpo,
    value,
    compared: basis === null ? null : compared,
    basis,
  } as const;
  if (targetUs === null) return { ...head, verdict: "not_set", reason: "no RPO was set", marginUs: null };
  if (value.status !== "measured") {
    if (atLeastUs !== null && atLeastUs > targetUs)
      return { ...head, compared, basis: "measured", verdict: "missed", marginUs: null, reason: value.reason };
    return { ...head, ...unknown(gaveUp(marks) ? notRecovered(marks) : value.reason) };
  }
  const judgement = compare(value, targetUs);
  const reason = `${judgement.reason} (${value.source}${basis === "estimate" ? ", an estimate" : ""})${remark}`;
  if (judgement.verdict === "met" && marks.T6.moment === null) return { ...head, ...unknown(notRecovered(marks)) };
  if (judgement.verdict === "met" && integrity !== null) return { ...head, ...unknown(integrity.message) };
  return { ...head, ...judgement, reason };
}

interface Compared {
  readonly compared: NonNullable<RpoVerdict["compared"]>;
  readonly value: Age;
  /** A lower bound of a loss that has no upper one. */
  readonly atLeastUs: number | null;
  readonly remark: string;
}

function comparedBy({ loss, observed, row }: Sources): Compared {
  const { lostAcknowledged: lost, newestSurvivorAge, recoveryPointAge } = loss;
  const plain = { atLeastUs: null, remark: "" } as const;
  if (lost.status === "measured") {
    const own = { compared: "lost_acknowledged", value: lost.time, atLeastUs: lost.atLeastUs, remark: "" } as const;
    return provesMore(row, lost.time) ? { ...plain, compared: "newest_survivor_age", value: row } : own;
  }
  const ran = observed.traffic !== null || observed.canary !== null;
  if (observed.survivors.length > 0 || newestSurvivorAge.status === "measured") {
    const remark = ran && lost.status === "not_measured" ? `; ${lost.reason}` : "";
    return { ...plain, compared: "newest_survivor_age", value: newestSurvivorAge, remark };
  }
  if (ran && recoveryPointAge.status !== "measured")
    return { ...plain, compared: "lost_acknowledged", value: { status: "not_measured", reason: lost.reason } };
  return { ...plain, compared: "recovery_point_age", value: recoveryPointAge };
}

/** A beat that is gone was written by somebody else than the canary; a query's row may just be old. */
function provesMore(row: Age, canary: Age): boolean {
  if (row.status !== "measured" || row.basis !== "measured" || canary.status !== "measured") return false;
  return row.loUs > canary.hiUs;
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
