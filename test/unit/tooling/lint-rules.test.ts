// Plants one fault per rule in a scratch tree and runs the linter over it once: a rule that has
// stopped working looks exactly like code without faults.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "../../..");

const IMPORTS = "eslint(no-restricted-imports)";

/** Who must not import what: `file` is below src, `import` as it would be written there. */
const forbidden: readonly (readonly [file: string, specifier: string])[] = [
  ["support/a.ts", "../drills/b.ts"],
  ["support/deep/a.ts", "../../engine/b.ts"],
  ["formats/postgres/a.ts", "../../drills/b.ts"],
  ["formats/postgres/a.ts", "../../databases/postgres/b.ts"],
  ["drills/a.ts", "../machines/b.ts"],
  ["drills/a.ts", "../engine/b.ts"],
  ["machines/a.ts", "../engine/b.ts"],
  ["machines/a.ts", "../evidence/b.ts"],
  ["engine/a.ts", "../steps/b.ts"],
  ["engine/a.ts", "../wire.ts"],
  ["engine/a.ts", "../databases/postgres/b.ts"],
  ["steps/postgres/a.ts", "../../engine/journal.ts"],
  ["steps/postgres/a.ts", "../../databases/postgres/b.ts"],
  ["steps/a.ts", "../sandboxes/process/b.ts"],
  ["steps/a.ts", "../backups/directory/b.ts"],
  ["steps/a.ts", "../machines/b.ts"],
  ["databases/postgres/a.ts", "../../sandboxes/process/b.ts"],
  ["databases/postgres/a.ts", "../../backups/directory/b.ts"],
  ["databases/postgres/a.ts", "../../steps/postgres/restore.ts"],
  ["databases/postgres/a.ts", "../../steps/ports/b.ts"],
  ["databases/postgres/a.ts", "../../engine/b.ts"],
  ["sandboxes/process/a.ts", "../../databases/postgres/b.ts"],
  ["backups/directory/a.ts", "../../databases/postgres/b.ts"],
  ["canary/a.ts", "../databases/postgres/b.ts"],
  ["faults/a.ts", "../databases/postgres/b.ts"],
  ["steps/fault/a.ts", "../../faults/b.ts"],
  ["commands/a.ts", "../databases/postgres/b.ts"],
  ["commands/a.ts", "../canary/b.ts"],
  ["commands/a.ts", "../steps/command/b.ts"],
  ["steps/a.ts", "../commands/b.ts"],
  ["patroni/a.ts", "../databases/postgres/b.ts"],
  ["patroni/a.ts", "../engine/step-contract.ts"],
  ["patroni/a.ts", "../steps/patroni/b.ts"],
  ["steps/patroni/a.ts", "../../patroni/b.ts"],
  ["stop-conditions/a.ts", "../engine/guards/b.ts"],
  ["stop-conditions/a.ts", "../databases/postgres/b.ts"],
  ["stop-conditions/a.ts", "../steps/ports/b.ts"],
  ["stop-conditions/a.ts", "../steps/wait/b.ts"],
  ["engine/a.ts", "../stop-conditions/b.ts"],
  ["engine/a.ts", "../canary/b.ts"],
  ["engine/a.ts", "../demo/b.ts"],
  ["steps/traffic/a.ts", "../../canary/b.ts"],
  ["canary/a.ts", "../engine/b.ts"],
  ["canary/a.ts", "../steps/traffic/b.ts"],
  ["faults/a.ts", "../commands/b.ts"],
  ["faults/a.ts", "../engine/run-loop.ts"],
  ["databases/postgres/a.ts", "../../canary/b.ts"],
  ["databases/postgres/a.ts", "../../faults/b.ts"],
  ["cli/a.ts", "../canary/b.ts"],
  ["cli/a.ts", "../stop-conditions/b.ts"],
  ["evidence/a.ts", "../engine/b.ts"],
  ["evidence/a.ts", "../steps/b.ts"],
  ["server/a.ts", "../databases/postgres/b.ts"],
  ["fleet/a.ts", "../cli/b.ts"],
  ["cli/a.ts", "../steps/b.ts"],
  ["cli/a.ts", "../databases/postgres/b.ts"],
  ["cli.ts", "./backups/directory/b.ts"],
  ["wire.ts", "./cli/b.ts"],
  ["demo/a.ts", "../cli/b.ts"],
  ["sandboxes/process/a.ts", "../../engine/run-loop.ts"],
  ["engine/a.ts", "../../test/support/b.ts"],
  ["drills/a.ts", "vitest"],
];

const allowed: readonly (readonly [file: string, specifier: string])[] = [
  ["drills/ok.ts", "../support/b.ts"],
  ["machines/ok.ts", "../drills/b.ts"],
  ["engine/ok.ts", "../machines/b.ts"],
  ["engine/ok.ts", "./b.ts"],
  ["steps/postgres/ok.ts", "../../engine/step-contract.ts"],
  ["steps/postgres/ok.ts", "../ports/b.ts"],
  ["steps/postgres/ok.ts", "../../formats/postgres/b.ts"],
  ["databases/postgres/ok.ts", "../../drills/b.ts"],
  ["evidence/ok.ts", "../drills/b.ts"],
  ["cli/ok.ts", "../wire.ts"],
  ["demo/ok.ts", "../databases/postgres/b.ts"],
  ["cli/ok.ts", "../demo/b.ts"],
  ["stop-conditions/ok.ts", "../drills/b.ts"],
  ["canary/ok.ts", "../formats/postgres/b.ts"],
  ["faults/ok.ts", "../drills/b.ts"],
  ["cli/ok.ts", "../engine/b.ts"],
];

/** Other rules, each with code that breaks it and nothing else that is looked at here. */
const faults: readonly (readonly [rule: string, file: string, code: string])[] = [
  ["eslint(max-lines)", "engine/long-file.ts", "// line\n".repeat(401)],
  [
    "eslint(max-lines-per-function)",
    "engine/long-function.ts",
    `export function f(): void {\n${"  f();\n".repeat(60)}}\n`,
  ],
  ["import(no-default-export)", "engine/default.ts", "export default 1;\n"],
  ["node(no-process-env)", "engine/env.ts", "export const a = process.env;\n"],
  [IMPORTS, "engine/env-import.ts", 'import { env } from "node:process";\nexport const a = env;\n'],
  ["unicorn(no-process-exit)", "engine/exit.ts", "process.exit(1);\n"],
  ["eslint(no-restricted-properties)", "engine/exit-code.ts", "process.exitCode = 1;\n"],
  ["eslint(no-console)", "engine/console.ts", "console.log(1);\n"],
  ["typescript(no-explicit-any)", "engine/any.ts", "export const a: any = 1;\n"],
  ["typescript(no-non-null-assertion)", "engine/bang.ts", "export const f = (a?: { b: 1 }): number => a!.b;\n"],
  [
    "typescript(no-floating-promises)",
    "engine/floating.ts",
    "async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n",
  ],
  [
    "typescript(no-misused-promises)",
    "engine/misused.ts",
    "[1].forEach(async () => {\n  await Promise.resolve();\n});\n",
  ],
  ["typescript(await-thenable)", "engine/thenable.ts", "export const f = async (): Promise<number> => await 1;\n"],
  [
    "typescript(switch-exhaustiveness-check)",
    "engine/switch.ts",
    'export function f(a: "x" | "y"): void {\n  switch (a) {\n    case "x":\n  }\n}\n',
  ],
  ["typescript(consistent-type-imports)", "engine/type-import.ts", 'export type A = import("./b.ts").A;\n'],
];

const cycle: Readonly<Record<string, string>> = {
  "engine/cycle-one.ts": 'import { two } from "./cycle-two.ts";\nexport const one = (): number => two();\n',
  "engine/cycle-two.ts": 'import { one } from "./cycle-one.ts";\nexport const two = (): number => one();\n',
};

const Failed = z.object({ stdout: z.string() });
const Report = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

let scratch = "";
/** Named one by one: the linter does not walk into ignored folders. */
const planted = new Set<string>();
let found: ReadonlySet<string> = new Set();

beforeAll(async () => {
  await mkdir(join(ROOT, ".cache"), { recursive: true });
  scratch = await mkdtemp(join(ROOT, ".cache/lint-rules-"));
  await plantAll();
  found = await lint();
}, 60_000);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe("import directions", () => {
  test.each(forbidden)("src/%s may not import %s", (file, specifier) => {
    expect(found).toContain(`${IMPORTS} ${importFile(file, specifier)}`);
  });

  test.each(allowed)("src/%s may import %s", (file, specifier) => {
    expect(found).not.toContain(`${IMPORTS} ${importFile(file, specifier)}`);
  });

  test("a driver may import the types of a port", () => {
    expect(found).not.toContain(`${IMPORTS} src/databases/postgres/port-types.ts`);
  });

  test("an import cycle is an error", () => {
    expect(found).toContain("import(no-cycle) src/engine/cycle-one.ts");
  });

  test("every folder of src has its rule", async () => {
    const entries = await readdir(join(ROOT, "src"), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const ruled = new Set([...forbidden].map(([file]) => file.split("/")[0]));
    expect(folders.filter((folder) => !ruled.has(folder))).toEqual([]);
  });
});

describe("other rules", () => {
  test.each(faults)("%s finds its fault in src/%s", (rule, file) => {
    expect(found).toContain(`${rule} src/${file}`);
  });
});

async function plantAll(): Promise<void> {
  // The scratch tree lies where the linter is told not to look.
  const config = z.looseObject({}).parse(JSON.parse(await readFile(join(ROOT, ".oxlintrc.json"), "utf8")));
  await writeFile(join(scratch, ".oxlintrc.json"), JSON.stringify({ ...config, ignorePatterns: [] }));
  await cp(join(ROOT, "tsconfig.json"), join(scratch, "tsconfig.json"));
  for (const [file, specifier] of [...forbidden, ...allowed]) {
    await plant(importFile(file, specifier), `import { b } from "${specifier}";\nexport const a: unknown = b;\n`);
  }
  const port = 'import type { B } from "../../steps/ports/b.ts";\nexport type A = B;\n';
  await plant("src/databases/postgres/port-types.ts", port);
  for (const [, file, code] of faults) await plant(`src/${file}`, code);
  for (const [file, code] of Object.entries(cycle)) await plant(`src/${file}`, code);
}

/** One file per planted import, in the same folder; src/cli.ts and src/wire.ts keep their own name. */
function importFile(file: string, specifier: string): string {
  if (!file.includes("/")) return `src/${file}`;
  return `src/${dirname(file)}/${specifier.replaceAll(/[^a-z]+/g, "-")}.ts`.replace("/-", "/");
}

async function plant(path: string, code: string): Promise<void> {
  const target = join(scratch, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code, { flag: "a" });
  planted.add(target);
}

async function lint(): Promise<ReadonlySet<string>> {
  const script = join(ROOT, "scripts/gate.sh");
  const options = { env: { ...process.env, FIREDRILL_MODULES_CHECKED: "1" }, maxBuffer: 16 << 20 };
  const run = promisify(execFile)(
    "sh",
    [script, "lint", "--no-ignore", "--format=json", "-c", join(scratch, ".oxlintrc.json"), ...planted],
    options,
  );
  // Faults make the linter exit with 1; its report is on stdout either way.
  const { stdout } = await run.catch((error: unknown) => Failed.parse(error));
  const report = Report.parse(JSON.parse(stdout));
  return new Set(
    report.diagnostics.map(({ code, filename }) => `${code} ${filename.replace(/^.*?lint-rules-[^/]+\//, "")}`),
  );
}
