import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { printable } from "../../support/printable.ts";
import { markDisaster } from "../disaster-mark.ts";
import { integersOnly } from "../integers-only.ts";
import type { CommandEnd, CommandRequest, Commands } from "../ports/commands.ts";
import { resolveTexts } from "../secret-value.ts";
import { environment } from "./environment.ts";

const argv = z
  .array(
    z
      .string()
      .max(10_000)
      .refine((text) => !text.includes("\0"), "it holds a NUL"),
  )
  .min(1)
  .max(500)
  .refine(([program = ""]) => program.startsWith("/"), "expected the absolute path of a program first");
const absolutePath = z.string().startsWith("/", "expected an absolute path").max(4000);

const inputSchema = z.strictObject({
  argv: argv.describe(
    "Absolute program and its arguments; no shell looks at them. `commands:` of firedrill.yaml must allow it.",
  ),
  env: environment().describe("Environment, texts or `{ secret: env:NAME }`, besides a fixed PATH and LC_ALL."),
  cwd: absolutePath.default("/").describe("Working folder. Default `/`."),
  expectExit: z
    .array(z.int().min(0).max(255))
    .min(1)
    .max(50)
    .default([0])
    .describe("Exit codes that are success. Default [0]."),
  output: z
    .enum(["text", "json"])
    .default("text")
    .describe("`json`: stdout must be one JSON document, given as `json`."),
  undo: argv.optional().describe("Program that undoes it, run once at cleanup with the same folder and environment."),
  undoTimeout: durationMs().prefault("1m").describe("Longest the undo may take. Default 1m."),
});

const outputSchema = z.object({
  exitCode: z.int().describe("As the program gave it."),
  stdout: z.string().describe("The last 64 kB of it, secrets taken out."),
  stderr: z.string().describe("The last 64 kB of it, secrets taken out."),
  cut: z.boolean().describe("More was written than is kept."),
  json: z.unknown().describe("With `output: json`: what stdout holds, numbers with a fraction as text; else null."),
});

type Input = z.output<typeof inputSchema>;

/** Runs a program of the team's own. It and all that it starts die with us; `undo` is in the ledger before it begins. */
export function runCommandStep(deps: { readonly commands: Commands }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "command/run",
    summary: "Runs a program that the configuration allows, in a process group that dies with the drill.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: inputSchema,
    outputs: outputSchema,
    creates: ["command"],
    defaultTimeoutMs: 5 * 60_000,
    needsSystem: true,
    async run(input, ctx) {
      const end = await runPlanned(input, deps.commands, ctx);
      // Also when it says that it failed: something may have happened from here on.
      await markDisaster(end.begun, end.done, `command ${printable(input.argv[0] ?? "")}`, ctx);
      return { kind: "done", outputs: outputsOf(input, end) };
    },
    reconcile: async (input) => ({
      kind: "unknown",
      message: `${printable(input.argv[0] ?? "")} may have run, in part or to its end; nobody but its author can ask what it did`,
    }),
  });
}

async function runPlanned(input: Input, commands: Commands, ctx: StepContext): Promise<CommandEnd> {
  const planned = await commands.plan(request(input, ctx));
  const { id } = await ctx.ledger.plan({
    kind: "command",
    title: `${printable(planned.argv[0] ?? "")}${input.undo === undefined ? "" : ", to be undone"}`,
    // Its processes end with us; the undo waits for the cleanup.
    ttlMs: 0,
    locator: planned.locators.planned,
  });
  const env = await resolveTexts(input.env, (ref) => ctx.secret(ref));
  await ctx.requireCurrent();
  // Durable before it begins: what never began is not undone.
  await ctx.ledger.created(id, planned.locators.begun);
  return commands.run(planned, env, ctx.signal);
}

function request(input: Input, ctx: StepContext): CommandRequest {
  const { installation, runId, runDir, stepId: step, attempt, epoch } = ctx;
  const { argv: program, cwd, env, undo = null, undoTimeout: undoTimeoutMs } = input;
  return { installation, runId, runDir, step, attempt, epoch, argv: program, cwd, env, undo, undoTimeoutMs };
}

function outputsOf(input: Input, end: CommandEnd): z.input<typeof outputSchema> {
  const exitCode = expectedExit(input, end);
  const { stdout, stderr } = end;
  const json = input.output === "json" ? parsed(stdout) : null;
  return { exitCode, stdout: stdout.text, stderr: stderr.text, cut: stdout.cut || stderr.cut, json };
}

function expectedExit({ argv: [program = ""], expectExit }: Input, end: CommandEnd): number {
  if (end.exitCode !== null && expectExit.includes(end.exitCode)) return end.exitCode;
  const how = end.exitCode === null ? `was ended by ${end.signal ?? "a signal"}` : `exited with ${end.exitCode}`;
  const message = `${printable(program)} ${how}, expected ${expectExit.join(" or ")}: ${lastLine(end)}`;
  const { exitCode, signal, stdout, stderr } = end;
  throw new StepError("permanent", "COMMAND_FAILED", message, {
    hint: "its output is in the details of this error in the record",
    details: { exitCode, signal, stdout: stdout.text.slice(-SHOWN), stderr: stderr.text.slice(-SHOWN) },
  });
}

/** Of the output an error keeps so much. */
const SHOWN = 4000;

function lastLine({ stdout, stderr }: CommandEnd): string {
  const lines = `${stdout.text}\n${stderr.text}`.split("\n").filter((line) => line.trim() !== "");
  return printable(lines.at(-1) ?? "it said nothing", 300);
}

function parsed({ text, cut }: CommandEnd["stdout"]): unknown {
  if (cut) throw notJson("it is longer than 64 kB");
  try {
    return integersOnly(JSON.parse(text));
  } catch (error) {
    throw notJson(error instanceof Error ? printable(error.message, 200) : "it cannot be read", error);
  }
}

function notJson(why: string, cause?: unknown): StepError {
  return new StepError("permanent", "COMMAND_OUTPUT", `stdout is not one JSON document: ${why}`, {
    hint: "write nothing else to stdout (to stderr instead), or use `output: text`",
    cause,
  });
}
