import type { Plan } from "../plan.ts";
import { age, SKEW_NOTE } from "./age.ts";
import type { Age } from "./clock-schema.ts";
import { lostAcknowledged, type CanaryReading } from "./lost-acknowledged.ts";
import type { Loss } from "./loss-schema.ts";
import type { Marks } from "./marks.ts";
import type { Observed } from "./observed-schema.ts";
import { replicationLag } from "./replication-lag.ts";
import { newestSurvivorAge } from "./survivor-age.ts";
import type { Recorded } from "../run-event.ts";
import type { Moment } from "./timeline.ts";

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly observed: Observed;
  readonly canary: CanaryReading;
  readonly marks: Marks;
  readonly wallUncertaintyUs: number;
}

/**
 * Job: the four numbers of the loss, each by itself. The canary's are by one monotonic clock. The other ages are differences
 * of wall clocks: T0 by this machine's, the other end by the clock of whoever wrote it. The skew between the two cannot be
 * asked of a machine that is gone: a note says so.
 */
export function lossOf({ plan, records, observed, canary, marks, wallUncertaintyUs }: Sources): Loss {
  const t0 = marks.T0.moment;
  const noT0 = { status: "not_measured", reason: "T0 was not set" } as const;
  return {
    recoveryPointAge: t0 === null ? noT0 : recoveryPointAge(observed, t0, wallUncertaintyUs),
    replicationLag: replicationLag(plan, records, t0),
    newestSurvivorAge: t0 === null ? noT0 : newestSurvivorAge(observed, canary.last, t0, wallUncertaintyUs),
    lostAcknowledged: lostAcknowledged(canary, t0),
  };
}

function recoveryPointAge(observed: Observed, t0: Moment, wallUncertaintyUs: number): Age {
  const point = observed.recoveryPoint;
  if (point === null && observed.source === null && observed.promotions.length > 0)
    return { status: "not_applicable", reason: "a standby took over: nothing was restored" };
  if (point === null) return { status: "not_measured", reason: "no step reported the recovery point" };
  if (point.commitWallUs !== null) {
    const source = `commit time of the last replayed transaction (${point.from.commitTime})`;
    const notes = [SKEW_NOTE, "on an idle system it is longer than the loss, by the length of the silence"];
    return age({
      t0,
      newestWallUs: point.commitWallUs,
      earlierUs: 0,
      wallUncertaintyUs,
      basis: "estimate",
      source,
      notes,
    });
  }
  return backupAge(observed, t0, wallUncertaintyUs);
}

/** No transaction was replayed: the copy is as old as the backup, whose end may be unknown. */
function backupAge(observed: Observed, t0: Moment, wallUncertaintyUs: number): Age {
  const none = "no transaction was replayed";
  const from = observed.source;
  if (from === null) return { status: "not_measured", reason: `${none} and no step reported the backup's times` };
  const wallUs = from.endedWallUs ?? from.startedWallUs;
  if (wallUs === null)
    return { status: "not_measured", reason: `${none} and the backup does not say when it was taken` };
  const which = from.endedWallUs === null ? "begin" : "end";
  const source = `${which} of the backup (${from.timeFrom})`;
  return age({
    t0,
    newestWallUs: wallUs,
    earlierUs: 0,
    wallUncertaintyUs,
    basis: "estimate",
    source,
    notes: [none, SKEW_NOTE],
  });
}
