/**
 * `node test/simulation/mutate.ts [<seeds>] [<part of a rule>]`: takes away one rule of the engine after another, in a copy, and
 * looks whether the simulation notices. Ends with `N of M caught`; those that were not are an error.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Mutation, MUTATIONS } from "./mutations.ts";
import type { Tally } from "./tally.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DEFAULT_SEEDS = 2500;
/** Without an end a mutated engine may turn for ever without a timer being due. */
const LONGEST_MS = 900_000;

const seeds = Number(process.argv[2] ?? DEFAULT_SEEDS);
const chosen = MUTATIONS.filter(({ rule }) => rule.includes(process.argv[3] ?? ""));
const folder = await mkdtemp(join(tmpdir(), "firedrill-mutate-"));
try {
  process.exitCode = await mutateAll();
} finally {
  await rm(folder, { recursive: true, force: true });
}

type Finding = { readonly kind: "caught"; readonly by: string } | { readonly kind: "survived" };

async function mutateAll(): Promise<number> {
  for (const mutation of MUTATIONS) await mutated(mutation);
  const sound = await swept(await copyOf("sound"));
  if (sound.kind === "caught") {
    process.stdout.write(`The engine as it is breaks a promise: ${sound.by}\n`);
    return 1;
  }
  const waiting = [...chosen.entries()];
  const findings: Finding[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, mutation] = next;
      findings[index] = await find(mutation, `m${index}`);
      process.stdout.write(`${inWords(mutation, findings[index])}\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return summary(findings);
}

function summary(findings: readonly Finding[]): number {
  const meaningful = chosen.flatMap((mutation, index) => (mutation.redundant === undefined ? [findings[index]] : []));
  const caught = meaningful.filter((finding) => finding?.kind === "caught").length;
  const wrong = chosen.filter(
    (mutation, index) => mutation.redundant !== undefined && findings[index]?.kind === "caught",
  );
  for (const { rule } of wrong) process.stdout.write(`said to be redundant, and caught: ${rule}\n`);
  process.stdout.write(
    `${caught} of ${meaningful.length} caught, ${chosen.length - meaningful.length} more are redundant\n`,
  );
  return caught === meaningful.length && wrong.length === 0 ? 0 : 1;
}

async function find(mutation: Mutation, name: string): Promise<Finding> {
  const copy = await copyOf(name);
  await writeFile(join(copy, "src", "engine", mutation.file), await mutated(mutation));
  const finding = await swept(copy);
  await rm(copy, { recursive: true, force: true });
  return finding;
}

/** Throws when the text is not there, or more than once. */
async function mutated({ rule, file, text, becomes }: Mutation): Promise<string> {
  const source = await readFile(join(ROOT, "src", "engine", file), "utf8");
  const parts = source.split(text);
  if (parts.length === 2) return parts.join(becomes);
  throw new Error(
    `mutation '${rule}': its text stands ${parts.length - 1} times in src/engine/${file}, not once: ${text}`,
  );
}

async function copyOf(name: string): Promise<string> {
  const copy = join(folder, name);
  await mkdir(join(copy, "test"), { recursive: true });
  for (const part of ["src", "test/simulation", "test/support", "package.json"])
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Until the first seed that breaks a promise. */
async function swept(copy: string): Promise<Finding> {
  const argv = [join(copy, "test", "simulation", "sweep.ts"), "0", String(seeds), "1"];
  const child = spawn(process.execPath, argv, {
    cwd: copy,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  const told = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (told.out += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (told.err += chunk.toString("utf8")));
  await once(child, "close");
  if (child.exitCode === 0) return { kind: "survived" };
  if (child.signalCode !== null) return { kind: "caught", by: `no end within ${LONGEST_MS / 1000} s` };
  if (child.exitCode === 1 && told.out.startsWith("{")) {
    // Decode boundary: our own program's last line.
    const [first] = (JSON.parse(told.out) as Tally).broken;
    return { kind: "caught", by: `seed ${first?.seed ?? "?"}: ${first?.promise ?? "?"}` };
  }
  if (told.err.includes("SyntaxError")) throw new Error(`a mutation that is no program: ${told.err.slice(0, 600)}`);
  const error = told.err.split("\n").find((line) => /error/iu.test(line)) ?? told.err.slice(0, 200);
  return { kind: "caught", by: `the program ended: ${error.trim()}` };
}

function inWords({ rule, redundant }: Mutation, finding: Finding): string {
  if (finding.kind === "caught") return `caught    ${rule}: ${finding.by}`;
  return redundant === undefined ? `SURVIVED  ${rule}` : `redundant ${rule}: ${redundant}`;
}
