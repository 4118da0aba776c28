import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { dyingWithUs } from "../support/dying-with-us.ts";

/** Where administrators' programs are, whether or not they stand in an ordinary user's `PATH`. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
const LIMIT_MS = 10_000;

export async function findTool(name: string, path: string): Promise<string | null> {
  for (const folder of [...path.split(":"), ...SYSTEM_FOLDERS]) {
    if (!folder.startsWith("/")) continue;
    const file = join(folder, name);
    if ((await stat(file).catch(() => null))?.isFile() ?? false) return file;
  }
  return null;
}

export interface ToolEnd {
  readonly ok: boolean;
  readonly output: string;
}

/** Never rejects but for the signal: what a tool says is judged by who called it. The tool dies with us. */
export async function runTool(argv: readonly string[], input: string, signal: AbortSignal): Promise<ToolEnd> {
  // One that waits for a lock of the firewall must not put its rule in when we are dead and others have undone it.
  const [program = "", ...args] = [...(await dyingWithUs()), ...argv];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const child = spawn(program, args, {
    env: { LC_ALL: "C", PATH: SYSTEM_FOLDERS.join(":") },
    cwd: "/",
    signal: limit,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => void (output += text));
  }
  // A tool that ends before it has read its input.
  child.stdin.on("error", () => undefined).end(input);
  const ok = await new Promise<boolean>((resolve) => {
    child.once("error", (error) => {
      output += error.message;
      resolve(false);
    });
    child.once("close", (code) => resolve(code === 0));
  });
  signal.throwIfAborted();
  return { ok, output };
}
