import { basename, join } from "node:path";
import type { CanaryLoss } from "../drills/facts.ts";
import { StepError } from "../drills/step-error.ts";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import { writeFileAtomic } from "../support/atomic-file.ts";
import { type Clock, instant, type Instant } from "../support/clock.ts";
import { readLedger } from "./ledger.ts";
import { type Loss, lossOf, type LostRange } from "./loss.ts";
import { matchRow } from "./match-row.ts";
import { findMarked } from "./marked-processes.ts";
import { pathSpec, type ReadSecret } from "./path-spec.ts";
import { readMarkers } from "./read-back.ts";
import { filesOf } from "./traffic-files.ts";

const RANGES_KEPT = 1000;
const LOST_FILE = "lost.tsv";

export async function settle(
  traffic: TrafficRef,
  t0: Instant | null,
  { clock, secret }: { readonly clock: Clock; readonly secret: ReadSecret },
  signal: AbortSignal,
): Promise<Omit<CanaryLoss, "kind">> {
  refuseWhileWriting(traffic.id);
  const files = filesOf(traffic.dir, "writer");
  if (files.length === 0) throw new StepError("permanent", "TRAFFIC_LOG", `there is no ledger in ${traffic.dir}`);
  const ledger = await readLedger(files);
  const { id, payloadBytes, answerTimeoutUs } = traffic;
  const path = await pathSpec(traffic.path, traffic.connectTimeoutUs, secret);
  let phantom = 0;
  const options = { clock, application: "firedrill", signal };
  const readFrom = await readMarkers({ ...traffic, path }, options, (row) => {
    if (!matchRow(ledger, id, payloadBytes, row)) phantom += 1;
  });
  const readAt = instant(clock);
  const loss = lossOf({ ledger, phantom, t0, payloadBytes, answerTimeoutUs });
  await writeFileAtomic(join(traffic.dir, LOST_FILE), lostText(loss.ranges), 0o644);
  return { ...asFact(traffic, loss), readAt, readFrom };
}

function refuseWhileWriting(id: string): void {
  const [writer] = findMarked({ id, role: "writer" });
  if (writer === undefined) return;
  throw new StepError("permanent", "TRAFFIC_RUNNING", `the writers (process ${writer.pid}) still write`, {
    hint: "what is read back while they write counts as nothing: stop them first",
  });
}

function asFact(
  traffic: TrafficRef,
  { ranges, lost, ...rest }: Loss,
): Omit<CanaryLoss, "kind" | "readAt" | "readFrom"> {
  const { writers, intervalUs, dir } = traffic;
  const kept = ranges.slice(0, RANGES_KEPT).map(({ writer, from, to }) => ({ writer, from, to }));
  const file = `${basename(dir)}/${LOST_FILE}`;
  return {
    writers,
    intervalUs,
    ...rest,
    lost: lost === null ? null : { ...lost, ranges: kept, rangesInAll: ranges.length, file },
  };
}

/** One line for each run of lost numbers; times are those of the acknowledgements, monotonic. */
function lostText(ranges: readonly LostRange[]): string {
  const lines = ranges.map((range) =>
    [range.writer, range.from, range.to, range.to - range.from + 1, range.firstAckedUs, range.lastAckedUs].join("\t"),
  );
  return `${["writer\tfrom\tto\tmarkers\tfirst_acked_mono_us\tlast_acked_mono_us", ...lines].join("\n")}\n`;
}
