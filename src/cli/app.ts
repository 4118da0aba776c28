import { resolve } from "node:path";
import type { LogLevel } from "../support/log-pino.ts";
import { type App, type Settings, wire } from "../wire.ts";
import type { CliIo } from "./io.ts";
import { type Options, text, texts } from "./options.ts";

const LEVELS: ReadonlySet<string> = new Set<LogLevel>(["silent", "error", "warn", "info", "debug"]);

export function settingsFrom(io: CliIo, options: Options): Settings {
  const level = text(options, "logLevel");
  return {
    stateDir: resolve(io.cwd, text(options, "state") ?? ".firedrill"),
    pgBin: text(options, "pgBin") ?? null,
    configuredPgBins: texts(options, "configuredPgBins"),
    logLevel: isLevel(level) ? level : "warn",
    env: io.env,
    baseDir: io.cwd,
  };
}

/** Opens the state directory the options name and puts everything together. */
export function openApp(io: CliIo, options: Options): Promise<App> {
  return wire(settingsFrom(io, options));
}

function isLevel(level: string | undefined): level is LogLevel {
  return level !== undefined && LEVELS.has(level);
}
