import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { findProcesses } from "../../src/support/processes.ts";
import { PROJECT } from "./cli-lab.ts";

export interface CliEnd {
  /** Null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

/** Half of a short command is compiling it. */
const COMPILE_CACHE = join(PROJECT, ".cache/compile-cache");

/** Nothing of the shell that runs the tests comes along: no configuration, no other PostgreSQL. */
function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const path = "/usr/sbin:/usr/bin:/sbin:/bin";
  return {
    PATH: path,
    HOME: "/nonexistent",
    LC_ALL: "C",
    TMPDIR: tmpdir(),
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...extra,
  };
}

function launch(args: readonly string[], { cwd, env, nodeArgs = [] }: CliOptions): ChildProcess {
  const argv = [...nodeArgs, join(PROJECT, "src/cli.ts"), ...args];
  return spawn(process.execPath, argv, { cwd, env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a command to its end, as a process of its own. */
export function firedrill(args: readonly string[], options: CliOptions): Promise<CliEnd> {
  return endOf(launch(args, options));
}

export interface Running extends AsyncDisposable {
  readonly ended: Promise<CliEnd>;
  kill(signal: NodeJS.Signals): void;
}

/** A command that runs until it is told to end. */
export function startFiredrill(args: readonly string[], options: CliOptions): Running {
  return running(launch(args, options));
}

function running(child: ChildProcess): Running {
  const ended = endOf(child);
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function endOf(child: ChildProcess): Promise<CliEnd> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export const eventSchema = z.looseObject({
  seq: z.number(),
  type: z.string(),
  data: z.looseObject({}),
});
export type CliEvent = z.infer<typeof eventSchema>;

export interface FollowedRun extends Running {
  /** The first event that fits; rejects when the run ends before it. */
  until(fits: (event: CliEvent) => boolean): Promise<CliEvent>;
}

/** `firedrill run ... --events`, whose events can be waited for. */
export function followRun(args: readonly string[], options: CliOptions): FollowedRun {
  const child = launch(["run", ...args, "--events"], options);
  const base = running(child);
  const events: CliEvent[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  if (child.stdout !== null) {
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      events.push(eventSchema.parse(JSON.parse(line)));
      wake();
    });
    lines.on("close", () => {
      over = true;
      wake();
    });
  }
  return {
    ...base,
    async until(fits) {
      for (;;) {
        const found = events.find((event) => fits(event));
        if (found !== undefined) return found;
        if (over) throw new Error(`the run ended before the event: ${(await base.ended).stderr}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** What a state directory has left of sandboxes: folders, and processes that work in them. */
export function leftIn(stateDir: string): {
  readonly folders: readonly string[];
  readonly processes: readonly number[];
} {
  const sandboxes = join(stateDir, "sandboxes");
  if (!existsSync(sandboxes)) return { folders: [], processes: [] };
  const { found } = findProcesses({ dir: realpathSync(sandboxes), marker: null, uid: process.getuid?.() ?? 0 });
  return { folders: readdirSync(sandboxes), processes: found.map(({ pid }) => pid) };
}

export const NOTHING = { folders: [], processes: [] };
