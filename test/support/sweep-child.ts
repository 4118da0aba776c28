/**
 * One orchestrator process of the kill sweep: `node sweep-child.ts <work.json>`. Takes over what the former process left, says how
 * each of those runs ended, then begins runs of its own and dies by SIGKILL when each of them has come to its point. Those that come
 * first are cut off from journal and world until the last one comes to its point. Runs without a point go on to their end.
 */
import { flushCompileCache } from "node:module";
import { appendFileSync, readFileSync, rmSync } from "node:fs";
import type { Plan } from "../../src/drills/plan.ts";
import { PLANTED, type PlantedName } from "./sweep-planted.ts";
import { recover, runVictim, type Victim } from "./sweep-victim.ts";

export interface Work {
  /** File with the plans, by playbook. */
  readonly plans: string;
  /** File that the ends are appended to, one a line. */
  readonly report: string;
  readonly recover: readonly (Victim & { readonly how: "resume" | "clean" })[];
  readonly start: readonly Victim[];
  readonly planted: PlantedName | null;
  /** What was taken over is left where it is, for a process that is killed from outside may not remove it as a whole. */
  readonly keep: boolean;
}

// A run that comes neither to its point nor to its end, left behind by a test that was stopped, must not stay for ever.
setTimeout(() => process.exit(1), 600_000).unref();
// Who is killed writes no cache at its end.
flushCompileCache();
const [workFile = ""] = process.argv.slice(2);
// Both written by the sweep.
const work = JSON.parse(readFileSync(workFile, "utf8")) as Work;
const plans = JSON.parse(readFileSync(work.plans, "utf8")) as Readonly<Record<string, Plan>>;
const planted = work.planted === null ? {} : PLANTED[work.planted];

const say = (line: object): void => appendFileSync(work.report, `${JSON.stringify(line)}\n`);
const told = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

process.stdout.write("begun\n");
await Promise.all(
  work.recover.map(async ({ how, ...victim }) => {
    try {
      say({ victim, end: await recover(victim.dir, how, planted) });
      if (!work.keep) rmSync(victim.dir, { recursive: true, force: true });
    } catch (error) {
      say({ victim, trouble: told(error) });
    }
  }),
);

let left = work.start.length;
const dieTogether = (): void => {
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
};
await Promise.all(
  work.start.map(async (victim) => {
    const plan = plans[victim.playbook];
    if (plan === undefined) throw new Error(`there is no plan of ${victim.playbook}`);
    try {
      say({ began: victim.dir });
      await runVictim(victim, plan, dieTogether, planted);
      if (victim.point !== null) say({ victim, trouble: "it came to its end and not to its point" });
    } catch (error) {
      say({ victim, trouble: told(error) });
    }
    if (victim.point !== null) dieTogether();
  }),
);
