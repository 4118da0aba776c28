import { formatDurationUs, formatInterval } from "../../support/format.ts";
import type { Plan } from "../plan.ts";
import type { Age } from "./clock-schema.ts";
import type { Marks } from "./marks.ts";
import type { Observed } from "./observed-schema.ts";
import type { Moment } from "./timeline.ts";
import type { Loss } from "./verdict-schema.ts";

/**
 * Job: the four numbers of the loss, each by itself. Ages are differences of wall clocks: T0 by this machine's, the other
 * end by the clock of whoever wrote it. The skew between the two cannot be asked of a machine that is gone: a note says so.
 */
export function lossOf(plan: Plan, observed: Observed, marks: Marks, wallUncertaintyUs: number): Loss {
  const t0 = marks.T0.moment;
  const noT0 = { status: "not_measured", reason: "T0 was not set" } as const;
  return {
    recoveryPointAge: t0 === null ? noT0 : recoveryPointAge(observed, t0, wallUncertaintyUs),
    replicationLag: replicationLag(plan),
    newestSurvivorAge: t0 === null ? noT0 : newestSurvivorAge(observed, t0, wallUncertaintyUs),
    lostAcknowledged: { status: "not_measured", reason: "no canary wrote to the system during the drill" },
  };
}

function replicationLag(plan: Plan): Loss["replicationLag"] {
  if (plan.system === null || plan.system.endpoints.replicas.length === 0) {
    return { status: "not_applicable", reason: "recovered from a backup; the system has no replica in the inventory" };
  }
  return { status: "not_measured", reason: "no step observed the replicas before T0" };
}

const SKEW_NOTE = "the skew between the writer's clock and this machine's was not measured";

function recoveryPointAge(observed: Observed, t0: Moment, wallUncertaintyUs: number): Age {
  const point = observed.recoveryPoint;
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

/**
 * The newest beat or row in the copy. A heartbeat proves the loss is less than one interval shorter than its age: the next
 * beat, one interval later, is not there. A query proves only that nothing newer is in that table.
 */
function newestSurvivorAge(observed: Observed, t0: Moment, wallUncertaintyUs: number): Age {
  const beats = observed.survivors.filter((survivor) => survivor.via === "heartbeat");
  const candidates = beats.length > 0 ? beats : observed.survivors;
  const newest = candidates.toSorted((a, b) => b.newestWallUs - a.newestWallUs).at(0);
  if (newest === undefined)
    return { status: "not_measured", reason: "no heartbeat and no `newest:` query was read from the copy" };
  return age({
    t0,
    newestWallUs: newest.newestWallUs,
    earlierUs: newest.intervalUs ?? 0,
    wallUncertaintyUs,
    basis: newest.via === "heartbeat" && newest.intervalUs !== null ? "measured" : "estimate",
    source: `${newest.via}: ${newest.what}`,
    notes:
      newest.via === "query" ? [SKEW_NOTE, "an idle table makes it longer by the length of the silence"] : [SKEW_NOTE],
  });
}

interface AgeInput {
  readonly t0: Moment;
  readonly newestWallUs: number;
  /** How much less than the age the loss may be, on top of the clocks. */
  readonly earlierUs: number;
  readonly wallUncertaintyUs: number;
  readonly basis: "measured" | "estimate";
  readonly source: string;
  readonly notes: readonly string[];
}

function age(input: AgeInput): Age {
  const valueUs = input.t0.wallUs - input.newestWallUs;
  if (valueUs < 0) return { status: "not_measured", reason: youngerThanT0(input.source, -valueUs) };
  const loUs = Math.max(0, valueUs - input.earlierUs - input.t0.resolutionUs - input.wallUncertaintyUs);
  const interval = { valueUs, loUs, hiUs: valueUs + input.wallUncertaintyUs };
  const { basis, source } = input;
  const jumped =
    input.wallUncertaintyUs === 0
      ? []
      : [`widened by ${formatDurationUs(input.wallUncertaintyUs)}: this machine's wall clock jumped`];
  return {
    status: "measured",
    ...interval,
    text: formatInterval(interval),
    basis,
    source,
    notes: [...input.notes, ...jumped],
  };
}

function youngerThanT0(source: string, byUs: number): string {
  return (
    `${source} is ${formatDurationUs(byUs)} younger than T0: the copy holds what was written after the disaster, ` +
    "or the clocks differ, so what a disaster at T0 would have cost cannot be told"
  );
}
