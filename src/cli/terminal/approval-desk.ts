import type { Progress } from "../../drills/progress.ts";
import { APPROVAL_USES } from "../../drills/consents.ts";
import type { Plan } from "../../drills/plan.ts";
import type { Recorded } from "../../drills/run-event.ts";
import { type ApprovalRequest, readRequest } from "../../engine/approvals/approval-files.ts";
import { decideApproval } from "../../engine/approvals/decide-approval.ts";
import type { Clock } from "../../support/clock.ts";
import { formatWallUs } from "../../support/format.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { CliIo } from "../io.ts";
import { oneLine } from "./plain-text.ts";

/** Puts the questions of a run to whoever sits at the terminal; elsewhere says how to answer. */
export interface ApprovalDesk extends Disposable {
  onRecord(record: Recorded): void;
  onProgress(step: string, progress: Progress): void;
  /** Called once, when the run's folder is known. */
  open(dir: string): void;
}

export interface DeskDeps {
  readonly io: CliIo;
  readonly plan: Plan;
  readonly clock: Clock;
  /** Who answers at this terminal. */
  readonly user: string;
  /** Keeps the live view off the screen until it is called; the function given back. */
  readonly pause: () => () => void;
}

export function approvalDesk(deps: DeskDeps): ApprovalDesk {
  const asking = new Set(deps.plan.steps.filter((step) => step.uses === APPROVAL_USES).map((step) => step.id));
  const open = new Map<string, AbortController>();
  const dir = Promise.withResolvers<string>();
  // One question at a time: there is one terminal.
  let queue = Promise.resolve();
  const begin = (step: string): void => {
    if (open.has(step)) return;
    const ended = new AbortController();
    open.set(step, ended);
    const signal = AbortSignal.any([ended.signal, deps.io.interrupted]);
    queue = queue
      .then(async () => ask(step, await dir.promise, deps, signal))
      .catch((error: unknown) => {
        deps.io.err(`${error instanceof Error ? error.message : String(error)}\n`);
      });
  };
  return {
    onProgress: (step) => {
      if (asking.has(step)) begin(step);
    },
    onRecord: (record) => {
      if (ENDS.has(record.type) && "step" in record.data && record.data.step !== null)
        open.get(record.data.step)?.abort();
    },
    open: (path) => dir.resolve(path),
    [Symbol.dispose]: () => {
      for (const ended of open.values()) ended.abort();
    },
  };
}

const ENDS: ReadonlySet<Recorded["type"]> = new Set([
  "step.succeeded",
  "step.errored",
  "step.stopped",
  "step.stop_overdue",
  "step.check_failed",
]);

async function ask(step: string, dir: string, deps: DeskDeps, signal: AbortSignal): Promise<void> {
  const request = await requestOf(step, dir, signal);
  if (request === null || signal.aborted) return;
  const { io } = deps;
  if (io.ask === null) return io.err(`${inWords(request)}  answer with: ${commandFor(request)}\n`);
  const resume = deps.pause();
  try {
    io.err(`\n${inWords(request)}`);
    await untilAnswered(request, dir, deps, signal);
  } finally {
    resume();
  }
}

const LOOK_MS = 20;

/** The step says that it waits right before it puts its question. */
async function requestOf(step: string, dir: string, signal: AbortSignal): Promise<ApprovalRequest | null> {
  while (!signal.aborted) {
    const request = await readRequest(dir, step);
    if (request !== null) return request;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return null;
}

const PROMPT = "[y]es or [n]o, and a comment if you like: ";

async function untilAnswered(
  request: ApprovalRequest,
  dir: string,
  deps: DeskDeps,
  signal: AbortSignal,
): Promise<void> {
  const { io, clock, user } = deps;
  while (!signal.aborted && io.ask !== null) {
    const line = await io.ask(PROMPT, signal);
    if (line === null) {
      if (!signal.aborted) io.err(`no answer; later: ${commandFor(request)}\n`);
      return;
    }
    const answer = parseAnswer(line);
    if (answer === null) continue;
    return decideApproval(dir, request, { ...answer, who: user }, clock).catch((error: unknown) => {
      if (!(error instanceof FiredrillError)) throw error;
      io.err(`${error.message}\n`);
    });
  }
}

interface Answer {
  readonly decision: "approved" | "declined";
  readonly comment: string | null;
}

/** `y`, `yes looks good`, `n: not now`; null for anything else, which is asked again. */
export function parseAnswer(line: string): Answer | null {
  const parts = /^\s*(y|yes|n|no)(?:[\s:,.]+(.*?))?\s*$/iu.exec(line);
  const word = parts?.[1];
  if (word === undefined) return null;
  const comment = parts?.[2] ?? "";
  return {
    decision: word.toLowerCase().startsWith("y") ? "approved" : "declined",
    comment: comment === "" ? null : comment,
  };
}

function inWords({ run, step, question, role, planSha256, asked, timeoutMs }: ApprovalRequest): string {
  const as = role === null ? "" : `, asked of ${oneLine(role, 60)}`;
  const until = formatWallUs(asked.wallUs + timeoutMs * 1000, 0);
  return `approval wanted: ${oneLine(question)}\n  step ${step} of run ${run}${as}, plan ${planSha256.slice(0, 16)}, until ${until}\n`;
}

function commandFor({ run, step }: ApprovalRequest): string {
  return `firedrill approve ${run} --step ${step}`;
}
