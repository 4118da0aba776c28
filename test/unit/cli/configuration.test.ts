import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { withConfiguration } from "../../../src/cli/configuration.ts";
import { parseConfiguration } from "../../../src/cli/configuration-document.ts";
import type { CliIo } from "../../../src/cli/io.ts";
import { InputError } from "../../../src/support/errors.ts";

const dir = mkdtempSync(join(tmpdir(), "firedrill-configuration-"));
const file = join(dir, "firedrill.yaml");
const HEAD = "apiVersion: firedrill/v1\nkind: Configuration\n";
beforeEach(() => rmSync(file, { force: true }));
afterAll(() => rmSync(dir, { recursive: true }));

const io = (env: Readonly<Record<string, string>> = {}): CliIo => ({
  out: () => undefined,
  err: () => undefined,
  env,
  cwd: dir,
  live: false,
  columns: 80,
  colour: false,
  interrupted: new AbortController().signal,
  ask: null,
});

test("without a file and an environment nothing is added", async () => {
  expect(await withConfiguration(io(), { json: true })).toEqual({
    json: true,
    configuredPgBins: [],
    allowedCommands: [],
  });
});

test("what is typed comes before the environment, the environment before the file", async () => {
  writeFileSync(
    file,
    `${HEAD}state: a/b\npgBin: [bin, /opt/bin]\ninventory: systems.yaml\ncommands: [/opt/failover.sh]\n`,
  );
  const fromFile = {
    state: join(dir, "a/b"),
    inventory: "systems.yaml",
    configuredPgBins: [join(dir, "bin"), "/opt/bin"],
    allowedCommands: ["/opt/failover.sh"],
  };
  expect(await withConfiguration(io(), {})).toEqual(fromFile);
  const env = { FIREDRILL_STATE: "env-state", FIREDRILL_PG_BIN: "env-bin" };
  expect(await withConfiguration(io(env), {})).toEqual({ ...fromFile, state: "env-state", pgBin: "env-bin" });
  const typed = { state: "typed", pgBin: "typed-bin", inventory: "typed.yaml" };
  expect(await withConfiguration(io(env), typed)).toEqual({ ...fromFile, ...typed });
});

test("a variable that is empty counts as not set", async () => {
  expect(await withConfiguration(io({ FIREDRILL_STATE: "" }), {})).toEqual({
    configuredPgBins: [],
    allowedCommands: [],
  });
});

describe("faults, with their places", () => {
  test.each([
    ["another kind", "apiVersion: firedrill/v1\nkind: Playbook\n", "2:7 WRONG_KIND"],
    ["no version", "kind: Configuration\n", "1:1 WRONG_API_VERSION"],
    ["an unknown field", `${HEAD}pgBins: []\n`, "3:1 UNKNOWN_FIELD"],
    ["a text for a list", `${HEAD}pgBin: /usr/bin\n`, "3:8 WRONG_TYPE"],
    ["an empty path", `${HEAD}state: ""\n`, "3:8 EMPTY_VALUE"],
    ["a number for a path", `${HEAD}state: 12\n`, "3:8 WRONG_TYPE"],
    ["a command that is no absolute path", `${HEAD}commands: [failover.sh]\n`, "3:12 INVALID_VALUE"],
    ["an anchor", `${HEAD}state: &a x\n`, "3:8 YAML_ANCHOR"],
    ["a field twice", `${HEAD}state: a\nstate: b\n`, "4:1 YAML_DUPLICATE_KEY"],
    ["nothing", "", "1:1 YAML_EMPTY"],
  ])("%s", async (_, text, told) => {
    writeFileSync(file, text);
    const error: unknown = await withConfiguration(io(), {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect(error instanceof InputError ? error.message : "").toContain(`firedrill.yaml:${told}`);
  });

  test("all at once", () => {
    const parsed = parseConfiguration("c.yaml", `${HEAD}state: 1\ninventory: 2\nother: x\n`);
    expect(parsed).toMatchObject({ kind: "faults", faults: [{ line: 3 }, { line: 4 }, { line: 5 }] });
  });
});
