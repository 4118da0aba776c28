/** The prober's process: one spec from stdin, then probes until it is told to end. */
import { systemClock } from "../support/system-clock.ts";
import { LogFile } from "./log-file.ts";
import { runProber } from "./prober.ts";
import { beginLife, readSpec, TWIN_EXIT } from "./process-life.ts";
import { headerOf, PROBE_LOG_VERSION, proberSpecSchema } from "./specs.ts";

const spec = await readSpec(proberSpecSchema);
const life = beginLife(spec);
if (life.kind === "twin") process.exit(TWIN_EXIT);

const { signal } = life;
const clock = systemClock();
const log = new LogFile(spec.file, headerOf(PROBE_LOG_VERSION, spec, clock.bootId), clock);
await runProber({ spec, log, clock, signal });
log.line("e", clock.monoUs(), String(signal.reason));
log.close();
// A name that is still being looked up would hold the process.
process.exit(0);
