import { z } from "zod";
import { loadDocument } from "../drills/load-document.ts";
import { orderFaults, type Parsed } from "../drills/parsed.ts";
import { API_VERSION } from "../drills/playbook-schema.ts";

const filePath = z.string().min(1, "EMPTY_VALUE: the path is empty").max(4000);

/** The shape of `firedrill.yaml`. */
export const configurationSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal("Configuration"),
    state: filePath.optional().describe("Where runs, sandboxes and keys are kept. Relative: to this file's folder."),
    pgBin: z
      .array(filePath)
      .max(50)
      .default([])
      .describe("Folders with PostgreSQL server programs, looked at before PATH."),
    commands: z
      .array(filePath.startsWith("/", "expected an absolute path"))
      .max(200)
      .default([])
      .describe("Programs that command/run may run: absolute paths, links resolved. None when absent."),
    inventory: filePath.optional().describe("The inventory of commands that are not given one."),
  })
  .describe("Standing choices for the folder it is in; options come first.");
export type Configuration = z.output<typeof configurationSchema>;

/** Text to configuration, or every fault at once. */
export function parseConfiguration(file: string, text: string | Uint8Array): Parsed<Configuration> {
  const loaded = loadDocument({ file, text }, "Configuration", configurationSchema);
  if (loaded.kind === "faults") return { kind: "faults", faults: orderFaults(loaded.faults) };
  const { spec, faults } = loaded.draft;
  return spec === null || faults.length > 0
    ? { kind: "faults", faults: orderFaults(faults) }
    : { kind: "ok", value: spec };
}
