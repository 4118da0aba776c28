/** The writers' process: one spec from stdin, then markers until it is told to end. */
import { systemClock } from "../support/system-clock.ts";
import { connectAlong } from "./connect-path.ts";
import { Door } from "./door.ts";
import { LogFile } from "./log-file.ts";
import { beginLife, readSpec, TWIN_EXIT } from "./process-life.ts";
import { headerOf, LEDGER_VERSION, writerSpecSchema } from "./specs.ts";
import { runWriter } from "./writer.ts";

const spec = await readSpec(writerSpecSchema);
const life = beginLife(spec);
if (life.kind === "twin") process.exit(TWIN_EXIT);

const { signal } = life;
const clock = systemClock();
const ledger = new LogFile(spec.file, headerOf(LEDGER_VERSION, spec, clock.bootId), clock);
const options = { clock, application: "firedrill canary", signal };
const door = new Door({ connect: () => connectAlong(spec.path, options), clock, signal });
const writers = Array.from({ length: spec.writers }, (_, writer) =>
  runWriter({ spec, writer, door, ledger, clock, signal }),
);
await Promise.all(writers);
ledger.line("e", clock.monoUs(), String(signal.reason));
ledger.close();
// A name that is still being looked up would hold the process.
process.exit(0);
