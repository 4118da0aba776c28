import { type ChildProcess, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../../drills/step-error.ts";
import { readPlainFile } from "../plain-file.ts";
import { readPostmasterFile } from "../postmaster-file.ts";
import { readLogTail } from "../server-log.ts";
import type { NodeControlDeps } from "./node-control.ts";
import { nodeLogPath, openNodeLog } from "./node-log.ts";
import { inOrder } from "./signal-all.ts";
import { isPostmasterOf, postmasterOf, serverProcesses } from "./node-processes.ts";
import type { NodePlace } from "./node-place.ts";
import { parsePostmasterOpts } from "./postmaster-opts.ts";
import { clearUnreapedLock } from "./unreaped-lock.ts";
import { argvError, runArgv } from "./run-argv.ts";

const POLL_MS = 5;
const MAX_OPTS_BYTES = 64 * 1024;

/** Starts it and returns when it accepts connections, as primary or as standby; one that runs already is left as it is. */
export async function startNode(place: NodePlace, deps: NodeControlDeps, signal: AbortSignal): Promise<void> {
  if ((await postmasterOf(place)) === null) {
    await orphansGone(place);
    await clearUnreapedLock(place, signal);
  }
  const { start } = place.node;
  if (start !== null) return startByCommand(place, start, deps, signal);
  if ((await postmasterOf(place)) !== null) return untilAccepting(place, () => null, signal);
  const logPath = nodeLogPath(deps.logDir, place);
  const ended = await launch(place, await lastCommand(place), logPath, deps, signal);
  await untilAccepting(place, ended, signal).catch(async (error: unknown) => {
    const end = ended();
    throw end === null ? error : await notStarted(place, end, logPath);
  });
}

/** Backends that outlived their postmaster hold the shared memory, and no server starts beside them. */
async function orphansGone(place: NodePlace): Promise<void> {
  const left = inOrder({ server: await serverProcesses(place), supervisor: null });
  if (left.length === 0) return;
  const pids = left.map(({ pid }) => pid).join(", ");
  throw startError(place, `processes ${pids} of a dead server still work in ${place.dataDir}`, "stop the node first");
}

async function startByCommand(
  place: NodePlace,
  argv: readonly string[],
  deps: NodeControlDeps,
  signal: AbortSignal,
): Promise<void> {
  const logPath = nodeLogPath(deps.logDir, place);
  const end = await runArgv({ argv, env: { LC_ALL: "C", PATH: deps.path }, logPath }, signal);
  signal.throwIfAborted();
  if (end.kind === "failed")
    throw await argvError("NODE_START", `${place.node.name} did not start: ${end.why}`, logPath);
  await untilAccepting(place, () => null, signal);
}

/** `postmaster.opts`. A program that is gone by now is looked for in the node's `bin`. */
async function lastCommand(place: NodePlace): Promise<readonly string[]> {
  const path = join(place.dataDir, "postmaster.opts");
  const text = (await readPlainFile(path, MAX_OPTS_BYTES).catch(() => null))?.toString("utf8");
  const parsed = text === undefined ? null : parsePostmasterOpts(text);
  if (parsed === null) {
    throw startError(place, `${path} does not say how it was started`, "give the node's `start:` in the inventory");
  }
  const [program, ...args] = parsed;
  const exists = (await stat(program).catch(() => null))?.isFile() ?? false;
  const there = !exists && place.node.bin !== null ? join(place.node.bin, "postgres") : program;
  return namesFolder(args, place) ? [there, ...args] : [there, ...args, "-D", place.dataDir];
}

function namesFolder(args: readonly string[], { dataDir, node }: NodePlace): boolean {
  const value = args[args.lastIndexOf("-D") + 1];
  return args.includes("-D") && value !== undefined && [dataDir, node.dataDir].includes(resolve("/", value));
}

/** In a session of its own, with nothing of ours open but its log: it lives on when we end. Gives why it has ended; null while it has not. */
async function launch(
  place: NodePlace,
  argv: readonly string[],
  logPath: string,
  deps: NodeControlDeps,
  signal: AbortSignal,
): Promise<() => End | null> {
  const { argv: command, user } = await commandOf(place, argv, deps, signal);
  const [program = "", ...args] = command;
  const log = await openNodeLog(logPath);
  try {
    const child = spawn(program, args, {
      ...user,
      cwd: dirname(place.dataDir),
      env: { LC_ALL: "C" },
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    child.unref();
    // Before any wait: a program that cannot be run says so in the next turn.
    return endOf(child);
  } finally {
    await log.close();
  }
}

type Command = Awaited<ReturnType<NonNullable<NodeControlDeps["enter"]>>>;

async function commandOf(
  place: NodePlace,
  argv: readonly string[],
  { uid, enter }: NodeControlDeps,
  signal: AbortSignal,
): Promise<Command> {
  if (uid !== 0 && uid !== place.uid) {
    throw startError(
      place,
      `its server runs as user ${place.uid} and we are user ${uid}`,
      "run as that user or as root",
    );
  }
  if (uid !== 0) return { argv };
  const user = { uid: place.uid, gid: place.gid };
  return enter === undefined ? { argv, user } : enter(argv, user, [place.dataDir], signal);
}

interface End {
  readonly why: string;
  /** Whether it ran: then its log may say more. */
  readonly ran: boolean;
}

function endOf(child: ChildProcess): () => End | null {
  let ended: End | null = null;
  child.once("exit", (code, by) => void (ended = { why: `it ended with ${by ?? code}`, ran: true }));
  child.once("error", ({ message }) => void (ended = { why: message, ran: false }));
  return () => ended;
}

/** The server writes its state into `postmaster.pid`; a file that a crash left speaks of a process that is gone. */
async function untilAccepting(place: NodePlace, ended: () => End | null, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const file = await readPostmasterFile(place.dataDir);
    const up = file?.status === "ready" || file?.status === "standby";
    // Read once: the file may be another one a moment later.
    if (up && isPostmasterOf(file.pid, place)) return;
    const end = ended();
    if (end !== null) throw startError(place, end.why, "see its log");
    await delay(POLL_MS);
  }
}

async function notStarted(place: NodePlace, { why, ran }: End, logPath: string): Promise<StepError> {
  if (!ran) return startError(place, why, "see `postmaster.opts` in its data directory, or give the node's `start:`");
  const lines = (await readLogTail(logPath, 4096)).trim().split("\n");
  const line = lines.findLast((one) => one.includes("FATAL")) ?? lines.at(-1) ?? "";
  return startError(place, line === "" ? why : line, `its output is in ${logPath}`);
}

function startError({ node }: NodePlace, why: string, hint: string): StepError {
  return new StepError("permanent", "NODE_START", `${node.name} did not start: ${why}`, { hint });
}
