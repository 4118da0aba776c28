import { existsSync, globSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CliOptions } from "./cli-run.ts";

const [library] = [
  ...globSync("/usr/lib/*/faketime/libfaketime.so.1"),
  ...["/usr/lib/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1"].filter((path) => existsSync(path)),
];

/** Reason to skip a test that sets a program's wall clock, or undefined. */
export const noFaketime = library === undefined ? "no libfaketime on this machine" : undefined;

/** A wall clock that jumps when the test says so. The monotonic clock and the times of files stay true. */
export interface WallClock extends Required<Pick<CliOptions, "env" | "nodeArgs">> {
  /** How far it is off from now on, as libfaketime has it: `+3h`, `-2y`, `+1d`. */
  set(offset: string): Promise<void>;
}

/** What starts writers and prober gives them an environment of their own: there the library must be named again. */
const CHILDREN = `
  import childProcess from "node:child_process";
  import { syncBuiltinESMExports } from "node:module";
  const { spawn } = childProcess;
  const clock = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^LD_PRELOAD$|FAKE(?!TIME_SHARED)/.test(name)));
  childProcess.spawn = (command, args, options) =>
    spawn(command, args, command === process.execPath ? { ...options, env: { ...options.env, ...clock } } : options);
  syncBuiltinESMExports();
`;

export async function wallClock(dir: string): Promise<WallClock> {
  if (library === undefined) throw new Error(noFaketime);
  const file = join(dir, "wall-clock");
  const set = async (offset: string): Promise<void> => {
    await writeFile(`${file}.new`, `${offset}\n`);
    await rename(`${file}.new`, file);
  };
  await set("+0");
  return {
    set,
    nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(CHILDREN)}`],
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      // Its name before and after version 0.9.10.
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
  };
}
