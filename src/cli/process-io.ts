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
  };
}
