import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type CliLab, makeCliLab, PROJECT } from "../../support/cli-lab.ts";
import { firedrill, leftIn, NOTHING } from "../../support/cli-run.ts";
import { blocks, commandOf, type DocumentedCommand, wholeDocument, words } from "../../support/cli-documentation.ts";

// Every `sh` and `yaml` block of the documentation. A folder with `./backups`, `./wal`, `inventory.yaml` (system `orders`)
// and `playbooks/` is prepared; commands are run in it in the order of the documents, README first.
const PAGES = ["README.md", "CONTRIBUTING.md", ...globSync("docs/*.md", { cwd: PROJECT }).toSorted()];
const pages = PAGES.map((page) => ({ page, text: readFileSync(join(PROJECT, page), "utf8") }));

const shown: readonly DocumentedCommand[] = pages
  .flatMap(({ page, text }) => blocks(page, text, "sh"))
  .flatMap((block) => block.lines.flatMap((line) => commandOf(line)));
const commands = [...new Map(shown.map((command) => [command.text, command])).values()];
const own = commands.filter(({ argv }) => argv[0] === "firedrill");
const other = commands.filter(({ argv }) => argv[0] !== "firedrill");

let lab: CliLab;
beforeAll(async () => {
  lab = await makeCliLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

test("there is something to run", () => {
  expect(own.length).toBeGreaterThan(10);
  expect(other.length).toBeGreaterThan(0);
});

describe("firedrill", () => {
  // In one folder, one after the other, as a reader would.
  test.each(own)("$where: $text", async ({ argv, exit }) => {
    const { code, stdout, stderr } = await firedrill(argv.slice(1), { cwd: lab.dir });
    expect({ code, stderr: code === exit ? "" : `${stdout}${stderr}` }).toEqual({ code: exit, stderr: "" });
  });

  test("nothing is left of them", () => {
    expect(leftIn(lab.path(".firedrill"))).toEqual(NOTHING);
  });
});

describe("npm and node", () => {
  const scripts = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"))).scripts;

  /** What is wrong with a command that is not run here, or null. */
  function problem([program, first = "", second = ""]: readonly string[]): string | null {
    if (program === "npm" && first === "run") return second in scripts ? null : `there is no script ${second}`;
    if (program === "npm")
      return ["ci", "install", "test", "link"].includes(first) ? null : `npm ${first} is not known`;
    if (program === "node") return existsSync(join(PROJECT, first)) ? null : `there is no file ${first}`;
    return `${program} cannot be checked: only firedrill, npm and node can`;
  }

  test.each(other)("$where: $text", ({ argv }) => {
    expect(problem(argv)).toBeNull();
  });
});

const documents = pages.flatMap(({ page, text }) => blocks(page, text, "yaml"));

describe("yaml", () => {
  const checkedSchema = z.object({ files: z.array(z.object({ file: z.string(), faults: z.array(z.unknown()) })) });
  const faults = new Map<string, readonly unknown[]>();
  const fileOf = (where: string): string => `${where.replaceAll(/[/:]/gu, "-")}.yaml`;

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-docs-"));
    try {
      for (const { where, lines } of documents)
        await writeFile(join(dir, fileOf(where)), wholeDocument(lines.join("\n")));
      const files = documents.map(({ where }) => fileOf(where));
      const { stdout } = await firedrill(["validate", ...files, "--json"], { cwd: dir });
      for (const row of checkedSchema.parse(JSON.parse(stdout)).files) faults.set(row.file, row.faults);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test.each(documents.map(({ where }) => where))("%s is valid", (where) => {
    expect(faults.get(fileOf(where))).toEqual([]);
  });
});

test("links between pages lead somewhere", () => {
  const dead = pages.flatMap(({ page, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/gu)]
      .map(([, target = ""]) => join(PROJECT, page, "..", target))
      .filter((target) => !existsSync(target))
      .map((target) => `${page} -> ${relative(PROJECT, target)}`),
  );
  expect(dead).toEqual([]);
});

test("the words of a command line", () => {
  expect(words(`firedrill halt --who "Ada Lovelace" --reason 'a b' x`)).toEqual([
    "firedrill",
    "halt",
    "--who",
    "Ada Lovelace",
    "--reason",
    "a b",
    "x",
  ]);
});
