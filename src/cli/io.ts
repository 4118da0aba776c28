import type { JsonValue } from "../support/json.ts";

/** What a command may know of the process it runs in. Results go to `out`, progress and logs to `err`. */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** True when stderr is a terminal that can redraw lines. */
  readonly live: boolean;
  readonly columns: number;
  /** Colours are wanted (terminal, and NO_COLOR is not set). */
  readonly colour: boolean;
  /** Aborted by the first SIGINT or SIGTERM, with the signal's name as the reason. */
  readonly interrupted: AbortSignal;
  /** Asks for one line; null for no answer (end of input, or aborted). Null itself when nobody sits at a terminal. */
  readonly ask: ((question: string, signal: AbortSignal) => Promise<string | null>) | null;
}

export function printJson(io: CliIo, value: JsonValue | object): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
