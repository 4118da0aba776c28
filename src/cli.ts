#!/usr/bin/env node
/**
 * The command line: declares commands, runs one, and is the one place that turns an error into an exit code.
 * Commands load when they are called, so that `--help` needs commander and nothing else.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { withConfiguration } from "./cli/configuration.ts";
import { describeError, EXIT_INPUT, exitCodeOf } from "./cli/exit-code.ts";
import type { CliIo } from "./cli/io.ts";
import { processIo } from "./cli/process-io.ts";

type Action = (io: CliIo, args: readonly string[], options: Record<string, unknown>) => Promise<number>;
type Load = () => Promise<{ readonly command: Action }>;

const OLDEST_NODE = 24;
const io = processIo(process);
const program = new Command("firedrill")
  .description(
    "Rehearses disaster recovery: restores backups into sandboxes, or breaks a primary and fails over; times it, counts the loss, and judges both against RTO and RPO.",
  )
  .version(version(), "--version")
  .option("--state <dir>", "where runs, sandboxes and keys are kept (default: .firedrill)")
  .option("--pg-bin <dir>", "folder with the PostgreSQL server programs")
  .option("--json", "results on stdout as one JSON document")
  .addOption(
    new Option("--log-level <level>", "logs on stderr")
      .choices(["silent", "error", "warn", "info", "debug"])
      .default("warn"),
  )
  .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
  .showHelpAfterError("(firedrill --help lists the commands)")
  .exitOverride();

declare("init", "write a working playbook and inventory for a folder of backups", () => import("./cli/init.ts"))
  .argument("<backups>", "folder that holds base backups")
  .option("--wal <dir>", "folder of archived WAL (found by itself when it lies beside the backups)")
  .option("--system <name>", "name of the system", "my-database")
  .option("--out <dir>", "where to write", ".");
playbookOptions(
  declare(
    "validate",
    "check playbooks and inventory; names every fault with its place",
    () => import("./cli/validate.ts"),
  ),
  "<playbook...>",
);
playbookOptions(
  declare(
    "plan",
    "show what a run would do, in order, with guards and what it would create",
    () => import("./cli/plan.ts"),
  ),
);
playbookOptions(declare("graph", "draw the drill", () => import("./cli/graph.ts"))).addOption(
  new Option("--format <format>", "kind of picture").choices(["mermaid", "dot", "stately"]).default("mermaid"),
);
playbookOptions(declare("run", "run a drill and judge it", () => import("./cli/run.ts")))
  .option("--events", "one NDJSON line per event on stdout")
  .option("--confirm <system>", "name of the system, when the drill disrupts production or one without label")
  .option("--trigger <text>", "why this run was started, kept in the record", "manual")
  .addOption(
    new Option("--objectives <mode>", "warn: a missed objective exits 0, the result stays failed")
      .choices(["enforce", "warn"])
      .default("enforce"),
  );
declare("resume", "continue a run whose orchestrator died, or all of them", () => import("./cli/resume.ts"))
  .argument("[run]", "run id")
  .option("--all", "every run that has lost its orchestrator")
  .option("--limit <n>", "with --all: at most so many at a time", "4")
  .option("--take-over", "end an owner of the run that lives and does nothing, and take the run from it")
  .option("--who <name>", "with --take-over: who asks, kept in the record")
  .option("--reason <text>", "with --take-over: why, kept in the record");
declare("list", "list runs, newest first", () => import("./cli/list.ts")).option(
  "--limit <n>",
  "at most this many",
  "20",
);
declare("status", "runs that are not finished, and what is left behind", () => import("./cli/status.ts"));
declare("show", "show one run: verdict, timeline, steps, checks", () => import("./cli/show.ts"))
  .argument("[run]", "run id, or `latest`", "latest")
  .addOption(
    new Option("--format <format>", "junit: one test case per step and objective, for CI").choices(["text", "junit"]),
  );
declare("report", "write the report of a run as one HTML page", () => import("./cli/report.ts"))
  .argument("[run]", "run id, or `latest`", "latest")
  .option("--out <file>", "where to write it (default: in the run's folder)");
declare("halt", "stop a run, or all of them, into cleanup", () => import("./cli/halt.ts"))
  .argument("[run]", "run id")
  .option("--all", "stop every run and refuse new ones until lifted")
  .option("--lift", "allow runs again after --all")
  .option("--reason <text>", "why, kept in the record")
  .option("--who <name>", "who asks, kept in the record");
declare("approve", "answer what a run asks, or list what waits for an answer", () => import("./cli/approve.ts"))
  .argument("[run]", "run id; without one, what waits is listed")
  .option("--step <id>", "which question, when several wait")
  .option("--decline", "say no: the run stops into its cleanup")
  .option("--comment <text>", "kept in the record")
  .option("--as <name>", "who answers (default: the user of the system)");
declare("clean", "finish and remove what dead orchestrators left", () => import("./cli/clean.ts"));
declare("steps", "list the steps a playbook can use, or describe one", () => import("./cli/steps.ts")).argument(
  "[uses]",
);
declare("doctor", "what this machine has and lacks for drills", () => import("./cli/doctor.ts"));
declare(
  "fingerprint",
  "write content digests of a database, to compare a restored copy with",
  () => import("./cli/fingerprint.ts"),
)
  .option("--inventory <file>", "inventory with the system (default: inventory.yaml)")
  .requiredOption("--system <name>", "system to read")
  .option("--database <name>", "database to read (default: the one of the system's credentials)")
  .option("--force", "replace the file when it is there")
  .requiredOption("--out <file>", "file to write");
declare(
  "heartbeat",
  "write one row per interval into a system, so that loss can be measured",
  () => import("./cli/heartbeat.ts"),
)
  .option("--inventory <file>", "inventory with the system (default: inventory.yaml)")
  .requiredOption("--system <name>", "system to write to")
  .option("--count <n>", "stop after so many beats");
declare(
  "demo",
  "lose a real PostgreSQL and restore it, then twice on damaged backups",
  () => import("./cli/demo.ts"),
).option("--rows <n>", "orders in the demo database", "2000000");

await main();

function declare(name: string, summary: string, load: Load): Command {
  const command = program.command(name).summary(summary).description(summary);
  return command.action(async (...received: unknown[]) => {
    const { command: run } = await load();
    process.exitCode = await run(io, command.args, await withConfiguration(io, command.optsWithGlobals()));
    void received;
  });
}

function playbookOptions(command: Command, argument = "<playbook>"): Command {
  return command
    .argument(argument)
    .option("--inventory <file>", "systems (default: inventory.yaml beside the playbook, or here)")
    .option("--system <name>", "system under drill")
    .option("--param <name=value...>", "parameter of the playbook");
}

async function main(): Promise<void> {
  // Said here, where nothing newer has been loaded yet: a later failure would look like a fault of ours.
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    io.err(`firedrill: NODE_VERSION this is Node.js ${process.versions.node}, and ${OLDEST_NODE} or newer is needed\n`);
    process.exitCode = EXIT_INPUT;
    return;
  }
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // Commander has already written its message; its code for --help and --version is 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_INPUT;
  io.err(describeError(error));
  return exitCodeOf(error);
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  // Our own package.json: the one decode boundary of this file.
  return (JSON.parse(text) as { version: string }).version;
}
