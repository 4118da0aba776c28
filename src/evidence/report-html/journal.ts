import type { Recorded } from "../../drills/run-event.ts";
import { formatWallUs } from "../../support/format.ts";
import { markup, type Html } from "./html.ts";
import { section, small, table } from "./parts.ts";

/** The page stays readable; the journal itself has every record. */
const MAX_RECORDS = 600;

export function journal(records: readonly Recorded[]): Html {
  const shown = records.slice(0, MAX_RECORDS);
  const columns = [{ title: "Record" }, { title: "Time" }, { title: "Event" }, { title: "About" }];
  const rows = shown.map((record) => [record.seq, formatWallUs(record.wallUs), record.type, small(about(record))]);
  const caption =
    shown.length < records.length
      ? `The first ${shown.length} of ${records.length} records`
      : `All ${records.length} records`;
  return section(
    "journal",
    "Journal",
    markup`<details><summary>Show the ${shown.length} records</summary>${table(caption, columns, rows)}</details>`,
  );
}

function about(record: Recorded): string {
  switch (record.type) {
    case "phase.begun":
    case "phase.deadline_passed":
      return record.data.phase;
    case "step.skipped":
      return `${record.data.step}: ${record.data.message}`;
    case "step.errored":
      return `${record.data.step}, attempt ${record.data.attempt}: ${record.data.error.code} ${record.data.error.message}`;
    case "mark":
      return record.data.mark;
    case "fact":
      return `${record.data.step}: ${record.data.fact.kind}`;
    case "deviation":
      return `${record.data.code} ${record.data.message}`;
    case "run.halted":
      return `${record.data.by}: ${record.data.reason}`;
    case "resource.planned":
      return record.data.resource.title;
    case "run.finished":
      return record.data.result;
    default:
      return "step" in record.data && record.data.step !== null
        ? record.data.step
        : "id" in record.data
          ? record.data.id
          : "";
  }
}
