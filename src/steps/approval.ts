import { z } from "zod";
import { APPROVAL_USES } from "../drills/consents.ts";
import { StepError } from "../drills/step-error.ts";
import { defineStep, type StepContext } from "../engine/step-contract.ts";
import { durationMs, formatDuration } from "../support/duration.ts";
import type { JsonObject } from "../support/json.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approvals } from "./ports/approvals.ts";

export interface ApprovalStepDeps {
  readonly approvals: Approvals;
}

const HOUR_MS = 3_600_000;
/** The step's deadline comes after that of its wait, so that a wait that ends says so itself. */
const GRACE_MS = 10_000;
const MARGIN_US = 1_000_000;

const input = z.strictObject({
  question: z.string().min(1).max(500).describe("What is asked; shown to whoever answers."),
  role: z.string().min(1).max(100).optional().describe("Who should answer. Shown and kept, not enforced."),
  timeout: durationMs()
    .prefault("1h")
    .describe("How long to wait. Without an answer by then the run stops. Default 1h."),
});

const outputs = z.object({
  who: z.string().nullable().describe("Who agreed."),
  comment: z.string().nullable().describe("What they said."),
  waitedMs: z.int().describe("From the question to the answer, milliseconds."),
});

/** `approval`: the run goes on when a person agrees, and stops into its cleanup when they decline or nobody answers. */
export function approvalStep({ approvals }: ApprovalStepDeps) {
  return defineStep({
    uses: APPROVAL_USES,
    summary: "Asks a person, in the terminal or by `firedrill approve`, and goes on only when they agree.",
    role: "action",
    effect: "read",
    // The question is put once; a resumed run waits on for the same answer.
    idempotent: true,
    with: input,
    outputs,
    creates: [],
    defaultTimeoutMs: HOUR_MS + GRACE_MS,
    timeoutFor: waitOf,
    needsSystem: false,

    async run({ question, role, timeout }, ctx) {
      ctx.progress({ what: "waiting for an approval", done: 0, total: null, unit: "steps" });
      const leftMs = Math.max(1, Math.floor((ctx.deadlineMonoUs - MARGIN_US - ctx.clock.monoUs()) / 1000));
      const { runId, runDir, stepId, planSha256 } = ctx;
      const timeoutMs = Math.min(timeout, leftMs);
      const asked = { runId, runDir, step: stepId, text: question, role: role ?? null, planSha256, timeoutMs };
      const answer = await approvals.ask(asked, ctx.signal);
      await record(answer, asked, ctx);
      if (answer.decision !== "approved") throw stopped(answer, asked, ctx);
      const waitedMs = Math.round((answer.answered.monoUs - answer.asked.monoUs) / 1000);
      return { kind: "done", outputs: { who: answer.who, comment: answer.comment, waitedMs } };
    },
  });
}

function waitOf(written: JsonObject): number | null {
  const parsed = input.safeParse(written);
  return parsed.success ? parsed.data.timeout + GRACE_MS : null;
}

async function record(answer: ApprovalAnswer, { text, role }: ApprovalQuestion, ctx: StepContext): Promise<void> {
  const { decision, who, comment, asked, answered, resolutionUs } = answer;
  await ctx.fact({ kind: "human_wait", from: asked, to: answered, what: text, decision, who, role, comment });
  const marks = new Set(ctx.marks().map(({ mark }) => mark));
  // The decision to recover: the first one after the disaster.
  if (decision !== "approved" || !marks.has("T0") || marks.has("T2")) return;
  await ctx.mark({
    mark: "T2",
    ...answered,
    source: "approval",
    resolutionUs,
    note: who === null ? null : `approved by ${who}`,
  });
}

/** Halts the run in the name of whoever declined. */
function stopped({ decision, who, comment }: ApprovalAnswer, asked: ApprovalQuestion, ctx: StepContext): StepError {
  const said = comment === null ? "" : `: ${comment}`;
  const as = asked.role === null ? "" : `, asked as ${asked.role}`;
  const reason =
    decision === "declined"
      ? `${ctx.stepId} was declined by ${who ?? "somebody"}${as}${said}`
      : `nobody answered ${ctx.stepId} within ${formatDuration(asked.timeoutMs)}${as}`;
  ctx.halt(reason, who);
  const code = decision === "declined" ? "APPROVAL_DECLINED" : "APPROVAL_TIMED_OUT";
  return new StepError("permanent", code, reason, { hint: "The run stops into its cleanup." });
}
