import type { ClientOutages } from "../drills/facts.ts";
import { StepError } from "../drills/step-error.ts";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import { pathText } from "./path-spec.ts";
import { ProbeLog } from "./probe-log.ts";

/** Everything the prober saw, from its first line to its last. Throws `TRAFFIC_LOG`, also when there is no log. */
export async function readOutages(traffic: TrafficRef): Promise<Omit<ClientOutages, "kind">> {
  const log = new ProbeLog(traffic.dir);
  await log.catchUp();
  const { watchedFrom, probes, failed, outages, outagesInAll } = log.fold;
  const watchedTo = log.fold.view().heardAt;
  if (watchedFrom === null || watchedTo === null) {
    throw new StepError("permanent", "TRAFFIC_LOG", `there is no log of a prober in ${traffic.dir}`);
  }
  const { path, probeIntervalUs, connectTimeoutUs, answerTimeoutUs } = traffic;
  return {
    path: pathText(path),
    probeIntervalUs,
    connectTimeoutUs,
    answerTimeoutUs,
    watchedFrom,
    watchedTo,
    probes,
    failed,
    outages: outages.map(({ failures: _failures, ...outage }) => outage),
    outagesInAll,
  };
}
