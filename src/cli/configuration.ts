import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError } from "../support/errors.ts";
import type { Configuration } from "./configuration-document.ts";
import type { CliIo } from "./io.ts";
import type { Options } from "./options.ts";

/** Read from the current folder, when it is there. */
export const CONFIGURATION_FILE = "firedrill.yaml";

/**
 * Options completed: what was typed comes first, then the environment (`FIREDRILL_STATE`, `FIREDRILL_PG_BIN`), then
 * `firedrill.yaml` of the current folder. Throws every fault of that file at once.
 */
export async function withConfiguration(io: CliIo, typed: Options): Promise<Options> {
  const file = await readConfiguration(io.cwd);
  const here = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(io.cwd, path);
  const state = typed["state"] ?? set(io.env["FIREDRILL_STATE"]) ?? here(file?.state);
  const pgBin = typed["pgBin"] ?? set(io.env["FIREDRILL_PG_BIN"]);
  // Not made absolute: faults in it are told with the path as it is written.
  const inventory = typed["inventory"] ?? file?.inventory;
  return {
    ...typed,
    ...(state === undefined ? {} : { state }),
    ...(pgBin === undefined ? {} : { pgBin }),
    ...(inventory === undefined ? {} : { inventory }),
    configuredPgBins: (file?.pgBin ?? []).map((folder) => resolve(io.cwd, folder)),
    allowedCommands: file?.commands ?? [],
  };
}

/** A variable that is set to nothing is not set. */
function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

async function readConfiguration(cwd: string): Promise<Configuration | null> {
  const path = join(cwd, CONFIGURATION_FILE);
  if (!existsSync(path)) return null;
  // Only now: a folder without the file is no reason to load the language.
  const { readNamedFile } = await import("./read-file.ts");
  const { parseConfiguration } = await import("./configuration-document.ts");
  const parsed = parseConfiguration(CONFIGURATION_FILE, await readNamedFile(path));
  if (parsed.kind === "faults") throw new InputError(parsed.faults);
  return parsed.value;
}
