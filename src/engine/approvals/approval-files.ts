import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { createFileAtomic } from "../../support/atomic-file.ts";
import { readDocument } from "../state/state-directory.ts";

/**
 * `<run>/approvals/<step>.request.json` and `<step>.decision.json`. Each is made once, as a whole, and never replaced: the
 * first decision is the one that counts.
 */
const REQUEST = "firedrill/approval-request/v1";
const DECISION = "firedrill/approval-decision/v1";

const stamp = { wallUs: z.int(), monoUs: z.int(), bootId: z.string() };

const requestSchema = z.object({
  schemaVersion: z.string(),
  run: z.string(),
  step: z.string(),
  question: z.string(),
  role: z.string().nullable(),
  planSha256: z.string(),
  timeoutMs: z.int(),
  asked: z.object(stamp),
});
export type ApprovalRequest = Omit<z.infer<typeof requestSchema>, "schemaVersion">;

const decisionSchema = z.object({
  schemaVersion: z.string(),
  run: z.string(),
  step: z.string(),
  planSha256: z.string(),
  decision: z.enum(["approved", "declined", "timed_out"]),
  who: z.string().min(1).max(200).nullable(),
  comment: z.string().max(2000).nullable(),
  decided: z.object(stamp),
});
export type ApprovalDecision = Omit<z.infer<typeof decisionSchema>, "schemaVersion">;

export function approvalsDir(runDir: string): string {
  return join(runDir, "approvals");
}

/** False, and nothing changed, when there is one. */
export async function createRequest(runDir: string, request: ApprovalRequest): Promise<boolean> {
  await mkdir(approvalsDir(runDir), { recursive: true, mode: 0o700 });
  return createFileAtomic(requestPath(runDir, request.step), document(REQUEST, request));
}

/** False, and nothing changed, when somebody was first. */
export async function createDecision(runDir: string, decision: ApprovalDecision): Promise<boolean> {
  return createFileAtomic(decisionPath(runDir, decision.step), document(DECISION, decision));
}

/** Throws `STATE_UNREADABLE`, `STATE_VERSION`. */
export async function readRequest(runDir: string, step: string): Promise<ApprovalRequest | null> {
  return readDocument(requestPath(runDir, step), REQUEST, requestSchema);
}

/** Throws `STATE_UNREADABLE`, `STATE_VERSION`. */
export async function readDecision(runDir: string, step: string): Promise<ApprovalDecision | null> {
  return readDocument(decisionPath(runDir, step), DECISION, decisionSchema);
}

/** Puts a decision that does not count aside, so that another can be made. */
export async function setDecisionAside(runDir: string, step: string, wallUs: number): Promise<void> {
  await rename(decisionPath(runDir, step), join(approvalsDir(runDir), `${step}.refused-${wallUs}.json`));
}

/** Nobody waits for an answer any more. */
export async function withdrawRequest(runDir: string, step: string): Promise<void> {
  await rm(requestPath(runDir, step), { force: true });
}

const SUFFIX = ".request.json";

/** Steps that have asked, whether answered or not. */
export async function requestedSteps(runDir: string): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(approvalsDir(runDir)).catch(() => []);
  return names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
}

function requestPath(runDir: string, step: string): string {
  return join(approvalsDir(runDir), `${step}${SUFFIX}`);
}

function decisionPath(runDir: string, step: string): string {
  return join(approvalsDir(runDir), `${step}.decision.json`);
}

function document(schemaVersion: string, value: object): string {
  return `${JSON.stringify({ schemaVersion, ...value }, null, 2)}\n`;
}
