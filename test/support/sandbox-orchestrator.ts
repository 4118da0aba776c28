/**
 * An orchestrator of its own for tests: makes one sandbox with a program that never ends by itself, prints what it made as
 * one JSON line, then does what it is told: `hold` (waits to be killed), `serve` (the same with a PostgreSQL server), `crash` (kills itself) or `finish` (removes it).
 * Arguments: state directory, installation, time to live in ms, fence, then what to do.
 */
import { z } from "zod";
import { processSandboxes } from "../../src/sandboxes/process/sandboxes.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { locatorOf, quiet, soon, startPostgres } from "./sandbox-harness.ts";

const words = z.tuple([
  z.string(),
  z.string(),
  z.coerce.number(),
  z.enum(["auto", "settings"]),
  z.enum(["hold", "crash", "finish", "postgres", "serve"]),
]);
const [stateDir, installation, ttlMs, fence, task] = words.parse(process.argv.slice(2));

// A launched program does not keep us alive.
const alive = setInterval(() => {}, 1000);
const sandboxes = processSandboxes({ stateDir, clock: systemClock(), installation, log: quiet });
const ref = await sandboxes.plan({ ttlMs, fence });
await sandboxes.create(ref, { installation, run: "run-child", epoch: 1, title: "made by a child" }, soon());
const isolation = await sandboxes.probe(ref, [], soon());
const program = { name: "sleep", argv: ["/bin/sh", "-c", "sleep 1000 & sleep 1000"], env: {}, cwd: `${ref.dir}/data` };
const { pid } =
  task === "postgres" || task === "serve"
    ? await startPostgres(sandboxes, ref)
    : await sandboxes.launch(ref, program, soon());
process.stdout.write(
  `${JSON.stringify({ ref, pid, self: process.pid, fenced: isolation.probes.every(({ ok }) => ok) })}\n`,
);

if (task === "crash") process.kill(process.pid, "SIGKILL");
if (task !== "hold" && task !== "serve") clearInterval(alive);
if (task === "finish" || task === "postgres") {
  const before = await sandboxes.keeper.verifyGone(locatorOf(ref), soon());
  await sandboxes.keeper.destroy(locatorOf(ref), soon());
  const after = await sandboxes.keeper.verifyGone(locatorOf(ref), soon());
  process.stdout.write(`${JSON.stringify({ before, after })}\n`);
}
