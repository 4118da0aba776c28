import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where administrators' programs are, whatever `PATH` says. */
const FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];

/** What this machine has does not change while we run. */
let known: Promise<readonly string[]> | null = null;

/**
 * Words before a command that make the kernel end it when we die (PR_SET_PDEATHSIG, prctl(2)), also by SIGKILL. None where
 * there is no `setpriv` of util-linux that knows how (busybox has another). What the command itself starts does not inherit
 * it, and a command that changes its user loses it.
 */
export function dyingWithUs(): Promise<readonly string[]> {
  known ??= find();
  return known;
}

async function find(): Promise<readonly string[]> {
  for (const folder of FOLDERS) {
    const words = [join(folder, "setpriv"), "--pdeathsig", "KILL", "--"];
    if (await works(words)) return words;
  }
  return [];
}

async function works([program = "", ...args]: readonly string[]): Promise<boolean> {
  try {
    await access(program, constants.X_OK);
    await run(program, [...args, "true"], { env: { PATH: FOLDERS.join(":") } });
    return true;
  } catch {
    return false;
  }
}
