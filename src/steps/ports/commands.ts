import type { Instant } from "../../support/clock.ts";
import type { JsonObject } from "../../support/json.ts";

/** Runs programs of the machine that the configuration allows, in process groups that die with us. */
export interface Commands {
  /**
   * Chooses the marker that all its processes bear, and makes the locator; starts nothing. Throws `StepError`:
   * `COMMAND_MISSING`, `COMMAND_NOT_ALLOWED` (of the undo too).
   */
  plan(request: CommandRequest): Promise<PlannedCommand>;
  /**
   * Runs it to its end. What it leaves running in the background goes on until its ledger entry is removed, or until we die.
   * Aborted: SIGTERM to its group, and SIGKILL a second later. Throws `StepError` `COMMAND_START`.
   */
  run(planned: PlannedCommand, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<CommandEnd>;
}

export interface CommandRequest {
  readonly installation: string;
  readonly runId: string;
  readonly runDir: string;
  readonly step: string;
  readonly attempt: number;
  readonly epoch: number;
  /** Absolute program and its arguments; never a shell's line. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Run once at cleanup with the same folder and environment; null: nothing is undone. */
  readonly undo: readonly string[] | null;
  readonly undoTimeoutMs: number;
  /** Texts, and references to secrets as `{ secret }`. */
  readonly env: Readonly<Record<string, string | { readonly secret: string }>>;
}

export interface PlannedCommand {
  readonly token: string;
  /** The real path of the program, and the arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** `planned` before it may have begun, `begun` from right before it does: what never began is not undone. */
  readonly locators: { readonly planned: JsonObject; readonly begun: JsonObject };
}

export interface CommandEnd {
  readonly begun: Instant;
  readonly done: Instant;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: CommandOutput;
  readonly stderr: CommandOutput;
}

export interface CommandOutput {
  /** The end of it, known secrets taken out. */
  readonly text: string;
  /** More was written than is kept. */
  readonly cut: boolean;
}
