import { createInterface } from "node:readline";
import type { CliIo } from "./io.ts";

/** The real process as a `CliIo`. The first SIGINT or SIGTERM asks for an orderly end; later ones change nothing. */
export function processIo(host: NodeJS.Process): CliIo {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    host.on(signal, () => stop.abort(signal));
  }
  // A reader that went away (`| head`) is no reason to die in the middle of a cleanup.
  for (const stream of [host.stdout, host.stderr]) stream.on("error", () => undefined);
  const live = host.stderr.isTTY && host.env["TERM"] !== "dumb" && host.env["CI"] === undefined;
  return {
    out: (text) => void host.stdout.write(text),
    err: (text) => void host.stderr.write(text),
    env: host.env,
    cwd: host.cwd(),
    live,
    get columns() {
      return host.stderr.columns || 100;
    },
    colour: live && host.env["NO_COLOR"] === undefined,
    interrupted: stop.signal,
    ask: live && host.stdin.isTTY ? (question, signal) => askLine(host, question, signal) : null,
  };
}

/** A terminal that is read from does not turn Ctrl-C into a signal: it is passed on as the one it would have been. */
function askLine(host: NodeJS.Process, question: string, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: host.stdin, output: host.stderr, terminal: true });
    const end = (line: string | null): void => {
      signal.removeEventListener("abort", give);
      resolve(line);
      lines.close();
    };
    const give = (): void => end(null);
    lines.on("SIGINT", () => host.emit("SIGINT", "SIGINT"));
    lines.once("close", give);
    signal.addEventListener("abort", give, { once: true });
    if (signal.aborted) return give();
    lines.question(question, end);
  });
}
