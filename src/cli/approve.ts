import { allWaitingApprovals, decideApproval, waitingApprovals } from "../engine/approvals/decide-approval.ts";
import type { ApprovalRequest } from "../engine/approvals/approval-files.ts";
import { journalHasEnded } from "../engine/journal/has-ended.ts";
import { existingRunDir, journalPath } from "../engine/state/run-directory.ts";
import { FiredrillError } from "../support/errors.ts";
import { formatWallUs } from "../support/format.ts";
import type { App } from "../wire.ts";
import { lookAtApp, openExistingApp } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, text } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

/** Without a run: lists what waits. With one: answers its question. */
export async function command(io: CliIo, [runId]: readonly string[], options: Options): Promise<number> {
  if (runId === undefined) return list(io, await lookAtApp(io, options), options);
  const app = await openExistingApp(io, options);
  const dir = existingRunDir(app.state.root, runId);
  const request = await wanted(dir, runId, text(options, "step"));
  const decision = flag(options, "decline") ? "declined" : "approved";
  const who = text(options, "as") ?? app.engine().orchestrator.user;
  await decideApproval(dir, request, { decision, who, comment: text(options, "comment") ?? null }, app.clock);
  const { run, step, question, planSha256 } = request;
  if (flag(options, "json")) printJson(io, { run, step, decision, who, planSha256 });
  else
    io.out(
      `${decision}: ${oneLine(question)} (${step} of ${run}, plan ${planSha256.slice(0, 16)}) by ${oneLine(who)}\n`,
    );
  return 0;
}

/** Throws `APPROVAL_NOTHING`, `APPROVAL_WHICH`, `RUN_FINISHED`. */
async function wanted(dir: string, runId: string, step: string | undefined): Promise<ApprovalRequest> {
  const waiting = await waitingApprovals(dir);
  const fitting = waiting.filter((request) => step === undefined || request.step === step);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const names = waiting.map((request) => request.step).join(", ");
  if (only !== undefined)
    throw new FiredrillError("APPROVAL_WHICH", `Several steps of ${runId} wait: ${names}.`, {
      hint: "Name one: --step <id>",
    });
  if (await journalHasEnded(journalPath(dir)))
    throw new FiredrillError("RUN_FINISHED", `The run ${runId} is finished.`, {
      hint: "`firedrill approve` lists what waits.",
    });
  throw new FiredrillError(
    "APPROVAL_NOTHING",
    step === undefined
      ? `No step of ${runId} waits for an approval.`
      : `Step ${oneLine(step, 63)} of ${runId} does not wait for an approval.`,
    { hint: names === "" ? "`firedrill approve` lists what waits." : `These do: ${names}.` },
  );
}

async function list(io: CliIo, app: App | null, options: Options): Promise<number> {
  const waiting = app === null ? [] : await allWaitingApprovals(app.state.root);
  if (flag(options, "json")) printJson(io, waiting);
  else io.out(waiting.length === 0 ? "nothing waits for an approval\n" : waiting.map(line).join(""));
  return 0;
}

function line({ run, step, question, role, planSha256, asked, timeoutMs }: ApprovalRequest): string {
  const until = formatWallUs(asked.wallUs + timeoutMs * 1000, 0);
  const as = role === null ? "" : `, asked of ${oneLine(role, 60)}`;
  return `${run}  ${step}  ${oneLine(question, 120)}${as}, plan ${planSha256.slice(0, 16)}, until ${until}\n`;
}
