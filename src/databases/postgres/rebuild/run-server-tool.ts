import { spawn } from "node:child_process";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import { dyingWithUs } from "../../../support/dying-with-us.ts";
import { SYSTEM_PATH } from "../backup/backup-process.ts";
import { readPlainFile } from "../plain-file.ts";
import type { RebuildWork } from "./rebuild-deps.ts";

export interface ServerTool {
  /** Absolute. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const TAIL_BYTES = 8192;

/** Runs a program on the data directory as its owner, without input; it ends when we do. Throws `REBUILD_REWIND` with its last words. */
export async function runServerTool({ deps, place, watch }: RebuildWork, tool: ServerTool): Promise<void> {
  const [program = "", ...words] = [...(await dyingWithUs()), tool.program, ...tool.args];
  const as = deps.uid === 0 ? place.owner : {};
  const env = { PATH: SYSTEM_PATH, LC_ALL: "C", ...tool.env };
  watch.signal.throwIfAborted();
  const child = spawn(program, words, { ...as, env, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
  let tail = "";
  const keep = (chunk: Buffer): void => void (tail = (tail + chunk.toString("utf8")).slice(-TAIL_BYTES));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const kill = (): void => void child.kill("SIGKILL");
  watch.signal.addEventListener("abort", kill, { once: true });
  const end = await new Promise<string | null>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? code}`));
  }).finally(() => watch.signal.removeEventListener("abort", kill));
  watch.signal.throwIfAborted();
  if (end !== null) throw failed(tool.program, tail, end);
}

/** Where a distribution keeps the configuration outside of the data directory (Debian): as the server was started with it. */
export async function configFile(own: string): Promise<string | null> {
  const opts = await readPlainFile(join(own, "postmaster.opts"), 64 * 1024).catch(() => null);
  return /config_file=([^"]+)"/u.exec(opts?.toString("utf8") ?? "")?.[1] ?? null;
}

function failed(program: string, tail: string, end: string): StepError {
  const line = tail
    .trim()
    .split("\n")
    .findLast((one) => /error|fatal|panic/iu.test(one));
  return new StepError("permanent", "REBUILD_REWIND", `${program} failed: ${line ?? end}`, {
    hint: "pg_rewind needs data checksums or wal_log_hints, and the WAL since the histories parted; `method: base_copy` needs neither",
  });
}
