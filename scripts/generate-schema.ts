// Writes the JSON Schemas of schema/ from the schemas that check.
// `--check` writes nothing and exits 1 when a file is not what would be written.
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { configurationSchema } from "../src/cli/configuration-document.ts";
import { inventoryJsonSchema, playbookJsonSchema } from "../src/drills/json-schema.ts";
import { resultJsonSchema } from "../src/drills/result.ts";
import type { JsonObject } from "../src/support/json.ts";
import { stepCatalogue } from "../src/wire.ts";

const folder = new URL("../schema/", import.meta.url);
const files: readonly (readonly [string, JsonObject])[] = [
  ["playbook.schema.json", playbookJsonSchema(stepCatalogue())],
  ["inventory.schema.json", inventoryJsonSchema()],
  // A JSON Schema is JSON; the library's type also holds functions it does not put there.
  ["configuration.schema.json", structuredClone(z.toJSONSchema(configurationSchema, { io: "input" })) as JsonObject],
  ["result.schema.json", resultJsonSchema()],
];

for (const [name, schema] of files) {
  const url = new URL(name, folder);
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (!process.argv.includes("--check")) {
    await writeFile(url, text);
  } else if ((await readFile(url, "utf8").catch(() => "")) !== text) {
    process.stderr.write(`schema/${name} is out of date: node scripts/generate-schema.ts\n`);
    process.exitCode = 1;
  }
}
