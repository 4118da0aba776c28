import { execFile } from "node:child_process";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { StepError } from "../../drills/step-error.ts";
import type { Binaries, PostgresBinaries } from "../../steps/ports/postgres.ts";
import { pathFolders, systemFolders } from "./binary-folders.ts";
import { parseBinaryVersion } from "./binary-version.ts";
import { npmBin, type NpmPackageDeps } from "./npm-binaries.ts";

/** Where servers are looked for, in this order. */
export interface BinariesDeps {
  /** `--pg-bin`: a `bin` folder or the folder above it; null when not given. A wrong one is an error. */
  readonly option: string | null;
  readonly configured: readonly string[];
  /** Value of `PATH`. */
  readonly path: string;
  /** Folders with a star for the version; the usual ones when absent. */
  readonly systemPatterns?: readonly string[];
  readonly npm: NpmPackageDeps | null;
}

const OLDEST_MAJOR = 13;
const run = promisify(execFile);

/** Looks once and remembers: a run uses the same servers from begin to end. */
export function createBinaries(deps: BinariesDeps): Binaries {
  let known: Promise<readonly PostgresBinaries[]> | null = null;
  const all = (signal: AbortSignal): Promise<readonly PostgresBinaries[]> => {
    known ??= findAll(deps, signal).catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
  return {
    all,
    async forMajor(major, signal) {
      const found = await all(signal);
      const match = found.find((candidate) => candidate.major === major);
      if (match === undefined) throw noServer(major, found);
      return match;
    },
  };
}

async function findAll(deps: BinariesDeps, signal: AbortSignal): Promise<readonly PostgresBinaries[]> {
  const found = new Map<string, PostgresBinaries>();
  for await (const { folder, from } of candidates(deps)) {
    const real = await realFolder(folder);
    if (found.has(real)) continue;
    const binaries = await inspect(real, from, signal);
    if (binaries !== null && binaries.major >= OLDEST_MAJOR) found.set(real, binaries);
    else if (from === "option") throw notAServer(folder, binaries);
  }
  return [...found.values()];
}

interface Candidate {
  readonly folder: string;
  readonly from: PostgresBinaries["from"];
}

async function* candidates(deps: BinariesDeps): AsyncGenerator<Candidate> {
  if (deps.option !== null) yield { folder: await binFolder(deps.option), from: "option" };
  for (const folder of deps.configured) yield { folder: await binFolder(folder), from: "configuration" };
  for (const folder of pathFolders(deps.path)) yield { folder, from: "PATH" };
  for (const folder of await systemFolders(deps.systemPatterns)) yield { folder, from: "system" };
  const npm = deps.npm === null ? null : await npmBin(deps.npm);
  if (npm !== null) yield { folder: npm, from: "npm" };
}

/** People name the installation as often as its `bin`. */
async function binFolder(folder: string): Promise<string> {
  return (await isFile(join(folder, "bin/postgres"))) ? join(folder, "bin") : folder;
}

/** Of a link such as `/usr/local/bin/postgres` the folder it leads to, where the other tools are. */
async function realFolder(folder: string): Promise<string> {
  const server = await realpath(join(folder, "postgres")).catch(() => null);
  return server === null ? folder : dirname(server);
}

async function inspect(folder: string, from: string, signal: AbortSignal): Promise<PostgresBinaries | null> {
  const server = join(folder, "postgres");
  if (!(await isFile(server))) return null;
  const output = await run(server, ["--version"], { signal, timeout: 10_000, env: { LC_ALL: "C" } }).catch(() => null);
  signal.throwIfAborted();
  const parsed = output === null ? null : parseBinaryVersion(output.stdout);
  if (parsed === null) return null;
  return { bin: folder, ...parsed, from, tools: new Set(await readdir(folder)) };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

function notAServer(folder: string, found: PostgresBinaries | null): StepError {
  const what =
    found === null
      ? "has no PostgreSQL server that runs here"
      : `has PostgreSQL ${found.version}; ${OLDEST_MAJOR} is the oldest that is supported`;
  return new StepError("permanent", "PG_BINARIES", `--pg-bin ${folder} ${what}`, {
    hint: "name the folder that holds `postgres`, for instance /usr/lib/postgresql/17/bin",
  });
}

function noServer(major: number, found: readonly PostgresBinaries[]): StepError {
  const list = found.map(({ version, from, bin }) => `${version} (${from}: ${bin})`).join(", ");
  return new StepError(
    "permanent",
    "PG_BINARIES",
    `needs a PostgreSQL ${major} server, found ${list === "" ? "none" : list}`,
    {
      hint: `install PostgreSQL ${major}, or name its folder with --pg-bin`,
      details: { wantedMajor: major, found: found.map(({ major: m, bin }) => ({ major: m, bin })) },
    },
  );
}
