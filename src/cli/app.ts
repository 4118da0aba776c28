import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { FiredrillError } from "../support/errors.ts";
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
    allowedCommands: texts(options, "allowedCommands"),
    logLevel: isLevel(level) ? level : "warn",
    env: io.env,
    baseDir: io.cwd,
  };
}

/** Opens the state directory the options name, made when it is not there, and puts everything together. */
export function openApp(io: CliIo, options: Options): Promise<App> {
  return wire(settingsFrom(io, options));
}

/** For commands that only look: nothing is made; null when nothing has run here yet. */
export async function lookAtApp(io: CliIo, options: Options): Promise<App | null> {
  const settings = settingsFrom(io, options);
  return existsSync(join(settings.stateDir, "installation.json")) ? wire(settings) : null;
}

/** The same for commands that need a run. Throws `STATE_NOT_FOUND`. */
export async function openExistingApp(io: CliIo, options: Options): Promise<App> {
  const app = await lookAtApp(io, options);
  if (app !== null) return app;
  const { stateDir } = settingsFrom(io, options);
  throw new FiredrillError("STATE_NOT_FOUND", `${stateDir} is no state directory: nothing has run with it`, {
    hint: "name the one of the run with --state; `firedrill run` makes one",
  });
}

function isLevel(level: string | undefined): level is LogLevel {
  return level !== undefined && LEVELS.has(level);
}
