// A process that nobody wrote down is one that nobody ends: each place that can start one stands in docs/processes.md.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");

/** By value: a type starts nothing. Also what gets at it without an import statement. */
const STARTS = [
  /^import (?!type )[^;]*from "(?:node:)?(?:child_process|cluster)"/mu,
  /\b(?:import|require|getBuiltinModule)\(\s*["'](?:node:)?(?:child_process|cluster)["']/u,
];

const startsProcesses = (text: string): boolean => STARTS.some((pattern) => pattern.test(text));

function filesThatStart(): readonly string[] {
  const names = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => /\.[cm]?[jt]s$/u.test(name)).map((name) => `src/${name}`);
  return sources.filter((path) => startsProcesses(readFileSync(join(ROOT, path), "utf8"))).toSorted();
}

function filesInTable(): readonly string[] {
  const text = readFileSync(join(ROOT, "docs/processes.md"), "utf8");
  return [...text.matchAll(/^\| `(src\/[^`]+)` \|/gmu)].map(([, path = ""]) => path).toSorted();
}

test("every file that can start a process stands in docs/processes.md with what becomes of it", () => {
  expect(filesThatStart()).toEqual(filesInTable());
});

test.each([
  ['import { spawn } from "node:child_process";', true],
  ['import { type ChildProcess, spawn } from "node:child_process";', true],
  ['import * as processes from "child_process";', true],
  ['import {\n  execFile,\n} from "node:child_process";', true],
  ['const { fork } = await import("node:child_process");', true],
  ['process.getBuiltinModule("node:child_process").spawn("x");', true],
  ['import type { ChildProcess } from "node:child_process";', false],
  ['// See node:child_process.\nimport { join } from "node:path";', false],
])("%s: %o", (line, starts) => {
  expect(startsProcesses(line)).toBe(starts);
});
