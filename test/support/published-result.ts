import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { PROJECT } from "./cli-lab.ts";

/** One JSON document, by our schema and by the published one. */
export async function publishedResult(text: string): Promise<RunResult> {
  const result: unknown = JSON.parse(text);
  // The published schema is JSON.
  const schema = JSON.parse(await readFile(join(PROJECT, "schema/result.schema.json"), "utf8")) as object;
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
  if (!validate(result)) throw new Error(JSON.stringify(validate.errors));
  return runResultSchema.parse(result);
}
