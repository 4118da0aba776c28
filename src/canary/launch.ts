import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { StepError } from "../drills/step-error.ts";
import { MARKER_NAME, markerOf, type Role, type TrafficName } from "./marked-processes.ts";
import type { ProberSpec, WriterSpec } from "./specs.ts";

/** From `src/` as well as from `dist/`: the extension is that of this file. */
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

export interface LaunchedProcess {
  readonly pid: number;
  /** Null while it runs; -1 when a signal ended it. */
  exitCode(): number | null;
}

/**
 * Starts one of the two programs in a session of its own, so that it outlives us and no terminal reaches it. What it is told,
 * the password among it, goes through its standard input and stands in no argument, environment or file.
 */
export async function launch(
  name: TrafficName,
  role: Role,
  spec: WriterSpec | ProberSpec,
  outPath: string,
): Promise<LaunchedProcess> {
  const program = fileURLToPath(new URL(`./${role}-main.${EXTENSION}`, import.meta.url));
  const value = markerOf(name, role).slice(MARKER_NAME.length + 1);
  const out = openSync(outPath, "a", 0o644);
  try {
    const child = spawn(process.execPath, ["--no-warnings", program], {
      cwd: "/",
      env: { LC_ALL: "C", [MARKER_NAME]: value },
      detached: true,
      stdio: ["pipe", out, out],
    });
    await once(child, "spawn");
    child.unref();
    if (child.stdin !== null) await handOver(child.stdin, JSON.stringify(spec));
    return { pid: child.pid ?? 0, exitCode: () => child.exitCode ?? (child.signalCode === null ? null : -1) };
  } catch (cause) {
    throw new StepError("permanent", "TRAFFIC_START", `the ${role} could not be started: ${String(cause)}`, { cause });
  } finally {
    closeSync(out);
  }
}

/** A child that ended before it read everything is told by its exit code, not by the broken pipe. */
async function handOver(stdin: Writable, text: string): Promise<void> {
  const broken = once(stdin, "error");
  await Promise.race([new Promise<void>((resolve) => stdin.end(text, () => resolve())), broken]);
  stdin.destroy();
}
