import type { Recorded, Resource } from "../run-event.ts";
import { cleanupEnd, type EventOf, ofType } from "./journal-view.ts";
import type { Cleanup } from "./steps-schema.ts";

type Row = Cleanup["resources"][number];

/** Every planned resource must have been destroyed, and somebody asked the world whether it is gone. */
export function cleanupOf(records: readonly Recorded[]): Cleanup {
  const planned = new Map(ofType(records, "resource.planned").map(({ data }) => [data.resource.id, data.resource]));
  const resources = [...planned.values()].map((resource) => resourceRow(resource, records));
  const problem = problemOf(records, resources);
  return { status: statusOf(records, resources, problem), resources, problem };
}

function statusOf(records: readonly Recorded[], rows: readonly Row[], problem: string | null): Cleanup["status"] {
  if (cleanupEnd(records) === undefined) return "not_finished";
  if (problem !== null) return "incomplete";
  return rows.length === 0 ? "nothing_created" : "verified";
}

/** The last word on a resource counts: what was left over and removed later is gone. */
function resourceRow(resource: Resource, records: readonly Recorded[]): Row {
  const last = records.findLast(
    (record): record is EventOf<"resource.destroyed"> | EventOf<"resource.leftover"> =>
      (record.type === "resource.destroyed" || record.type === "resource.leftover") && record.data.id === resource.id,
  );
  const { id, kind, title, step } = resource;
  const head = { id, kind, title, step, verifiedBy: null, reason: null, destroyedWallUs: null };
  if (last === undefined) return { ...head, state: "unverified", reason: "no record says that it is gone" };
  if (last.type === "resource.leftover") return { ...head, state: "leftover", reason: last.data.reason };
  if (last.data.verifiedBy.trim() === "")
    return { ...head, state: "unverified", reason: "destroyed, but nobody asked" };
  return { ...head, state: "destroyed", verifiedBy: last.data.verifiedBy, destroyedWallUs: last.wallUs };
}

function problemOf(records: readonly Recorded[], rows: readonly Row[]): string | null {
  const left = rows.filter((row) => row.state !== "destroyed");
  if (left.length > 0) return left.map((row) => `${row.kind} '${row.title}': ${row.reason ?? row.state}`).join("; ");
  const finished = ofType(records, "cleanup.finished").at(-1);
  if (finished === undefined || finished.data.leftovers === 0) return null;
  const later = records.some((record) => record.type === "resource.destroyed" && record.seq > finished.seq);
  return later ? null : `cleanup counted ${finished.data.leftovers} left over`;
}
