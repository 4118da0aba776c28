import { existsSync } from "node:fs";
import { type Clock, instant } from "../../support/clock.ts";
import { FiredrillError } from "../../support/errors.ts";
import { journalHasEnded } from "../journal/has-ended.ts";
import { journalPath, runIds } from "../state/run-directory.ts";
import { runDir } from "../state/state-directory.ts";
import { type ApprovalRequest, createDecision, readDecision, readRequest, requestedSteps } from "./approval-files.ts";

export interface DecisionWords {
  readonly decision: "approved" | "declined";
  readonly who: string;
  readonly comment: string | null;
}

/** Throws `APPROVAL_DECIDED` when somebody, or the timeout, was first; `APPROVAL_WHO` without a name. */
export async function decideApproval(
  dir: string,
  request: ApprovalRequest,
  { decision, who, comment }: DecisionWords,
  clock: Clock,
): Promise<void> {
  const name = who.trim().slice(0, LONGEST_NAME);
  if (name === "")
    throw new FiredrillError("APPROVAL_WHO", "An approval takes a name.", { hint: "Give one: --as <name>." });
  const { run, step, planSha256 } = request;
  const decided = { ...instant(clock), bootId: clock.bootId };
  const text = comment === null || comment.trim() === "" ? null : comment.trim().slice(0, LONGEST_COMMENT);
  const made = await createDecision(dir, { run, step, planSha256, decision, who: name, comment: text, decided });
  if (made) return;
  const earlier = await readDecision(dir, step);
  const by = earlier?.who === undefined || earlier.who === null ? "" : ` by ${earlier.who}`;
  throw new FiredrillError(
    "APPROVAL_DECIDED",
    `${step} of ${run} was ${earlier?.decision ?? "decided"}${by} already.`,
    {
      hint: "The first decision counts. `firedrill halt <run>` stops a run that should not go on.",
    },
  );
}

const LONGEST_NAME = 200;
const LONGEST_COMMENT = 2000;

/** Questions of one run that nobody has answered; none when the run has ended. */
export async function waitingApprovals(dir: string): Promise<readonly ApprovalRequest[]> {
  if (existsSync(journalPath(dir)) && (await journalHasEnded(journalPath(dir)))) return [];
  const waiting: ApprovalRequest[] = [];
  for (const step of await requestedSteps(dir)) {
    const request = await readRequest(dir, step);
    if (request !== null && (await readDecision(dir, step)) === null) waiting.push(request);
  }
  return waiting;
}

/** Of every run of a state directory, newest run first. */
export async function allWaitingApprovals(root: string): Promise<readonly ApprovalRequest[]> {
  const found: ApprovalRequest[] = [];
  for (const id of await runIds(root)) found.push(...(await waitingApprovals(runDir(root, id)).catch(() => [])));
  return found;
}
