import type { PlannedTraffic } from "../steps/ports/traffic.ts";
import { readLedger } from "./ledger.ts";
import { markerOf, type Role } from "./marked-processes.ts";
import { pathSpec, type ReadSecret } from "./path-spec.ts";
import { type ProberSpec, type WriterSpec, writerSpecSchema } from "./specs.ts";
import { filesOf } from "./traffic-files.ts";

interface Deps {
  readonly secret: ReadSecret;
}

/** Numbers go on behind those that an earlier process of this traffic has used. */
export async function writerSpec(planned: PlannedTraffic, file: string, deps: Deps): Promise<WriterSpec> {
  const { markers } = await readLedger(filesOf(planned.dir, "writer"));
  const { writers, payloadBytes, synchronousCommit, intervalUs } = planned;
  const firstSeq = Array.from({ length: writers }, (_, writer) => markers[writer]?.next ?? 1);
  const own = { writers, payloadBytes, synchronousCommit, intervalUs, firstSeq };
  return writerSpecSchema.parse({ ...(await common(planned, "writer", file, deps)), ...own });
}

export async function proberSpec(planned: PlannedTraffic, file: string, deps: Deps): Promise<ProberSpec> {
  return { ...(await common(planned, "prober", file, deps)), intervalUs: planned.probeIntervalUs };
}

async function common(
  planned: PlannedTraffic,
  role: Role,
  file: string,
  { secret }: Deps,
): Promise<Omit<ProberSpec, "intervalUs">> {
  const { id, runId, installation, schema, table, path, answerTimeoutUs, ttlMs, connectTimeoutUs } = planned;
  return {
    id,
    run: runId,
    marker: markerOf({ installation, run: runId, id }, role),
    file,
    schema,
    table,
    path: await pathSpec(path, connectTimeoutUs, secret),
    answerTimeoutUs,
    ttlMs,
  };
}
