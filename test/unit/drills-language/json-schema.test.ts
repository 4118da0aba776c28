import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { inventoryJsonSchema, playbookJsonSchema } from "../../../src/drills/json-schema.ts";
import { langCatalogue } from "../../support/lang-catalogue.ts";
import { GOOD_INVENTORY, GOOD_PLAYBOOK, spoil } from "../../support/lang-documents.ts";

const ajv = new Ajv2020({ strict: false, formats: { uri: true } });
const playbook = ajv.compile(playbookJsonSchema(langCatalogue));
const inventory = ajv.compile(inventoryJsonSchema());

test("what holds is valid by the JSON Schema too", () => {
  expect(playbook(parse(GOOD_PLAYBOOK))).toBe(true);
  expect(inventory(parse(GOOD_INVENTORY))).toBe(true);
});

test.each([
  ["kind: Playbook", "kind: Other"],
  ["owner:", "ownr:"],
  ["rto: 15m", "rto: 15"],
  ["uses: backup/find", "uses: backup/fnd"],
  ["select: newest", "selct: newest"],
  ["select: newest", "select: newst"],
  ["kind: process, ttl: 2h", "kind: process"],
  ["      with: { kind: process, ttl: 2h }\n", ""],
])("an editor marks %s written as %s", (from, to) => {
  expect(playbook(parse(spoil(GOOD_PLAYBOOK, from, to)))).toBe(false);
});

test.each([
  ["environment: test", "environment: prod"],
  ["password: env:ORDERS_PASSWORD", "password: hunter2"],
  ["port: 5432", "port: 0"],
])("an editor marks %s written as %s", (from, to) => {
  expect(inventory(parse(spoil(GOOD_INVENTORY, from, to)))).toBe(false);
});

test("an editor offers every step but the planner's own, and a template for every input", () => {
  const schema = playbookJsonSchema(langCatalogue);
  const text = JSON.stringify(schema["$defs"]);
  expect(text).toContain('"postgres/restore"');
  expect(text).not.toContain('"drill/hold"');
  expect(text).toContain('{"$ref":"#/$defs/Template"}');
});
