import { resolve } from "node:path";
import type { DatabaseRef } from "../drills/database-ref.ts";
import type { SystemSnapshot } from "../drills/inventory.ts";
import { FiredrillError, InputError } from "../support/errors.ts";
import { show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import type { CliIo } from "./io.ts";
import { parseInventory } from "./load-plan.ts";
import { type Options, required, text } from "./options.ts";
import { readNamedFile } from "./read-file.ts";

/** The system that `--system` names, from `--inventory` (default: `inventory.yaml` in the current folder). */
export async function namedSystem(io: CliIo, options: Options): Promise<SystemSnapshot> {
  const name = required(options, "system");
  const path = text(options, "inventory") ?? "inventory.yaml";
  const parsed = parseInventory(io, path, await readNamedFile(resolve(io.cwd, path)));
  if (parsed.kind === "faults") throw new InputError(parsed.faults);
  const { systems } = parsed.value;
  const system = systems.find((candidate) => candidate.name === name);
  if (system !== undefined) return system;
  const hint = suggestionHint(
    name,
    systems.map((candidate) => candidate.name),
  );
  const fault = { file: "--system", line: 0, col: 0, code: "UNKNOWN_SYSTEM" };
  throw new InputError([
    { ...fault, message: `there is no system ${show(name)} in ${path}`, ...(hint === undefined ? {} : { hint }) },
  ]);
}

/** Its running primary. Throws `SYSTEM_NO_PRIMARY`. */
export function primaryOf({ name, endpoints, credentials }: SystemSnapshot, database?: string): DatabaseRef {
  if (endpoints.primary === null) {
    throw new FiredrillError("SYSTEM_NO_PRIMARY", `system ${name} names no primary to connect to`, {
      hint: "add endpoints: { primary: { host: ..., port: 5432 } } to it in the inventory",
    });
  }
  return {
    engine: "postgresql",
    sandbox: null,
    ...endpoints.primary,
    user: credentials.user ?? "postgres",
    database: database ?? credentials.database ?? "postgres",
    password: credentials.password,
  };
}
