/**
 * Job: runs allowed programs of the machine and, at cleanup, ends what they left and undoes what they did.
 *
 * Invariants
 *  D1  Only a program on the allow-list runs, by its real path; an undo is asked about again right before it runs.
 *  D2  Every process of a command dies with us: a supervisor in its group waits for the end of a pipe that we hold.
 *  D3  An undo runs when the command may have begun, and not again once it has ended well.
 */
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StepError } from "../drills/step-error.ts";
import type { ResourceKeeper } from "../engine/step-contract.ts";
import type { CommandEnd, CommandRequest, Commands, PlannedCommand } from "../steps/ports/commands.ts";
import { writeJsonAtomic } from "../support/atomic-file.ts";
import type { Clock } from "../support/clock.ts";
import { printable } from "../support/printable.ts";
import type { Redactor } from "../support/redact.ts";
import { allowedArgv } from "./allow-list.ts";
import { type CommandLocator, readLocator } from "./command-locator.ts";
import { endMarked, markedProcesses } from "./marked-processes.ts";
import { type RunDeps, runSupervised, type Supervised } from "./run-supervised.ts";

export interface CommandsDeps {
  /** Real paths of the programs that may be run. */
  readonly allowed: readonly string[];
  readonly clock: Clock;
  readonly redactor: Pick<Redactor, "text">;
  /** Value of a secret reference, known to the redactor from then on. */
  secret(ref: string): Promise<string>;
}

export interface MachineCommands extends Commands {
  readonly keeper: ResourceKeeper;
}

export function createCommands(deps: CommandsDeps): MachineCommands {
  // D2: a pipe that nothing refers to could be closed by the garbage collector.
  const held = new Map<string, ChildProcess>();
  const runDeps: RunDeps = { ...deps, hold: (token, child) => void held.set(token, child) };
  return {
    plan: async (request) => planCommand(request, deps),
    run: ({ token, argv, cwd }, env, signal) => runSupervised({ token, argv, cwd, env }, runDeps, signal),
    keeper: {
      kind: "command",
      // What outlived its orchestrator was ended by its supervisor; what is to be undone only the ledger knows.
      list: async () => [],
      async destroy(locator, signal) {
        const command = readLocator(locator);
        signal.throwIfAborted();
        await endMarked(command.token);
        held.delete(command.token);
        await undoOnce(command, deps, signal);
      },
      verifyGone: async (locator) => verify(readLocator(locator)),
    },
  };
}

function planCommand(request: CommandRequest, { allowed }: CommandsDeps): PlannedCommand {
  const argv = allowedArgv(request.argv, allowed); // D1
  if (request.undo !== null) allowedArgv(request.undo, allowed);
  const token = tokenOf(request);
  const undoRecord = join(request.runDir, "commands", `${token}.undo.json`);
  const { undo, undoTimeoutMs, cwd, env } = request;
  const locator = { token, undo, undoTimeoutMs, undoRecord, cwd, env };
  return { token, argv, cwd, locators: { planned: { ...locator, began: false }, begun: { ...locator, began: true } } };
}

/** No name of one step is a part of another's: the supervisor looks for it as a text. */
function tokenOf({ installation, runId, step, attempt, epoch }: CommandRequest): string {
  const name = [installation, runId, step, attempt, epoch].join("/");
  return createHash("sha256").update(name).digest("hex").slice(0, 32);
}

/** D3. Throws `COMMAND_UNDO_FAILED`, and what stands in its way before it starts. */
async function undoOnce(command: CommandLocator, deps: CommandsDeps, signal: AbortSignal): Promise<void> {
  if (command.undo === null || !command.began || existsSync(command.undoRecord)) return;
  const argv = allowedArgv(command.undo, deps.allowed); // D1
  const end = await runUndo({ ...command, argv, env: await resolved(command.env, deps) }, command, deps, signal);
  if (end.exitCode !== 0) throw undoFailed(argv, ...failedEnd(end));
  await mkdir(dirname(command.undoRecord), { recursive: true, mode: 0o700 });
  const { exitCode, stdout, stderr, done } = end;
  await writeJsonAtomic(command.undoRecord, { argv, exitCode, wallUs: done.wallUs, stdout, stderr });
}

async function runUndo(
  work: Supervised,
  { token, undoTimeoutMs }: CommandLocator,
  deps: CommandsDeps,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const own = AbortSignal.timeout(undoTimeoutMs);
  try {
    return await runSupervised(work, { ...deps, hold: () => undefined }, AbortSignal.any([signal, own]));
  } catch (error) {
    signal.throwIfAborted();
    throw own.aborted ? undoFailed(work.argv, `did not end within ${undoTimeoutMs} ms`, "") : error;
  } finally {
    // Its supervisor, and whatever it left behind: they bear the command's marker and have to be gone right after.
    await endMarked(token);
  }
}

async function resolved(env: CommandLocator["env"], deps: CommandsDeps): Promise<Readonly<Record<string, string>>> {
  const texts: [string, string][] = [];
  for (const [name, value] of Object.entries(env))
    texts.push([name, typeof value === "string" ? value : await deps.secret(value.secret)]);
  return Object.fromEntries(texts);
}

function failedEnd({ exitCode, signal, stdout, stderr }: CommandEnd): readonly [how: string, last: string] {
  const how = exitCode === null ? `was ended by ${signal ?? "a signal"}` : `exited with ${exitCode}`;
  return [how, `${stdout.text}\n${stderr.text}`.trimEnd().split("\n").at(-1) ?? ""];
}

function undoFailed(argv: readonly string[], how: string, last: string): StepError {
  const said = last === "" ? "" : `: ${printable(last, 300)}`;
  return new StepError("permanent", "COMMAND_UNDO_FAILED", `the undo ${argv[0] ?? ""} ${how}${said}`, {
    hint: "put right what it says, then run `firedrill clean`: the undo is run again",
  });
}

function verify(command: CommandLocator): { readonly gone: boolean; readonly how: string } {
  const { found, looked } = markedProcesses(command.token);
  const undone = command.undo === null || !command.began || existsSync(command.undoRecord);
  const why =
    command.undo === null ? "none was asked for" : command.began ? "exited with 0" : "not needed, it never began";
  const how = `/proc: ${found.length} of ${looked} processes bear its marker; undo: ${undone ? why : "has not ended well"}`;
  return { gone: found.length === 0 && undone, how };
}
