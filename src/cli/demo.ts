import { join } from "node:path";
import { createFailoverLab } from "../demo/failover-lab.ts";
import { createLab } from "../demo/lab.ts";
import { type DemoCase, prepareCases, shippedPlaybook } from "../demo/story.ts";
import { startRun } from "../engine/execute-run.ts";
import { formatDurationUs } from "../support/format.ts";
import { type App, stepCatalogue } from "../wire.ts";
import { openApp } from "./app.ts";
import { type DrillEnd, followDrill } from "./drill.ts";
import { EXIT_ERROR } from "./exit-code.ts";
import type { CliIo } from "./io.ts";
import { loadPlan } from "./load-plan.ts";
import { type Options, text, wholeNumber } from "./options.ts";
import { paintFor } from "./terminal/paint.ts";

const LAB_TTL_MS = 30 * 60_000;

interface Told {
  readonly demo: DemoCase;
  readonly end: DrillEnd;
}

/** A state directory of its own below the usual one, so that the demo's runs are not mistaken for drills. */
export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const state = join(text(options, "state") ?? ".firedrill", "demo");
  const app = await openApp(io, { ...options, state });
  const startedUs = app.clock.monoUs();
  const tell = (line: string): void =>
    io.err(`${formatDurationUs(app.clock.monoUs() - startedUs).padStart(11)}  ${line}\n`);
  const told = await tellStory(io, app, options, tell).catch((error: unknown) => {
    if (io.interrupted.aborted) return null;
    throw error;
  });
  if (told === null) {
    io.err(`stopped by ${String(io.interrupted.reason)}; everything that was made is removed\n`);
    return 4;
  }
  io.out(summary(io, told, state));
  return told.every(({ demo, end }) => end.result.exitCode === demo.expectedExit) ? 0 : EXIT_ERROR;
}

async function tellStory(
  io: CliIo,
  app: App,
  options: Options,
  tell: (line: string) => void,
): Promise<readonly Told[]> {
  const restored = await tellRestores(io, app, options, tell);
  tell("making a primary with two standbys");
  await using lab = await createFailoverLab(app, LAB_TTL_MS, io.interrupted);
  const failedOver = await drillAll(io, app, lab.cases);
  tell("removing the demo's servers");
  return [...restored, ...failedOver];
}

async function tellRestores(
  io: CliIo,
  app: App,
  options: Options,
  tell: (line: string) => void,
): Promise<readonly Told[]> {
  const orders = wholeNumber(options, "rows", 1000) ?? 2_000_000;
  tell(`making a primary with ${orders.toLocaleString("en")} orders`);
  await using lab = await createLab(app, { orders, ttlMs: LAB_TTL_MS, signal: io.interrupted });
  const cases = await prepareCases(app, lab, tell, io.interrupted);
  const told = await drillAll(io, app, cases);
  tell("removing the demo's primary, backups and archive");
  return told;
}

async function drillAll(io: CliIo, app: App, cases: readonly DemoCase[]): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (const demo of cases) {
    io.interrupted.throwIfAborted();
    io.out(`\n--- ${demo.playbook.replace(/\.yaml$/u, "")} on ${demo.what}\n\n`);
    told.push({ demo, end: await drill(io, app, demo) });
  }
  return told;
}

async function drill(io: CliIo, app: App, demo: DemoCase): Promise<DrillEnd> {
  const named = { inventory: demo.inventoryPath, system: "orders", param: demo.params };
  const { plan, playbookText, inventoryText } = await loadPlan(
    io,
    shippedPlaybook(demo.playbook),
    named,
    stepCatalogue(),
  );
  const request = { plan, playbookText, inventoryText, trigger: `demo: ${demo.name}`, mode: "real" } as const;
  return followDrill(io, app, plan, { events: false, json: false }, (deps) => startRun(request, deps));
}

function summary(io: CliIo, told: readonly Told[], state: string): string {
  const paint = paintFor(io.colour);
  const lines = told.map(({ demo, end }) => {
    const result = end.result.exitCode === 0 ? paint.good(end.result.result) : paint.bad(end.result.result);
    const why = end.result.exitCode === 0 ? "" : `\n    ${end.result.reasons[0]?.message ?? ""}`;
    return `  ${demo.name.padEnd(15)} ${result}  (expected: ${demo.expectedExit === 0 ? "passes" : "goes red"})${why}\n    report: ${end.reportPath}\n`;
  });
  return `\n--- the demo\n\n${lines.join("")}\nNothing is left running. Look again with: firedrill list --state ${state}\n`;
}
