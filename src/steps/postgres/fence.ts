import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Fencing } from "../../drills/facts.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import type { NodeControl } from "../ports/node-control.ts";
import type { Replication, WriteAnswer } from "../ports/replication.ts";
import { planFence } from "./fence-resource.ts";
import { requireOwnData } from "./require-own-data.ts";
import { nodeNamed, oldPrimary, systemOf } from "./system-nodes.ts";

export interface FenceDeps {
  readonly replication: Replication;
  readonly control: NodeControl;
}

const input = z.strictObject({
  node: z
    .string()
    .min(1)
    .default("old-primary")
    .describe("Whom to fence; `old-primary`: the primary that postgres/replica-status saw last."),
  grace: durationMs({ zero: true })
    .prefault("0ms")
    .describe("Time to shut down in order before it is killed. Default 0ms: killed at once."),
  timeout: durationMs()
    .prefault("500ms")
    .describe("Longest to wait for the answer to a write that must fail. Default 500ms."),
});
type Input = z.output<typeof input>;

const outputs = z.object({
  node: z.string(),
  how: z.enum(["stopped", "already_down", "unreachable", "command"]),
  proofs: z.array(z.string()).describe("What was asked afterwards, and the answers."),
});

/** `postgres/fence`: makes sure that the old primary takes no write any more, and asks it. */
export function fenceStep(deps: FenceDeps) {
  return defineStep({
    uses: "postgres/fence",
    summary:
      "Fences the old primary: stops it (also a frozen one) and holds it back as a standby, or proves that clients cannot reach it; a write to it must fail.",
    role: "action",
    effect: "disruptive",
    idempotent: true,
    with: input,
    outputs,
    creates: ["fault"],
    defaultTimeoutMs: 5 * 60_000,
    needsSystem: true,
    async run(wish, ctx) {
      const system = systemOf(ctx);
      const node = wish.node === "old-primary" ? oldPrimary(system, ctx) : nodeNamed(system, wish.node);
      const { how, proofs } =
        node.dataDir === null
          ? await proveAway(deps, system, node, wish, ctx)
          : await shut(deps, system, node, wish, ctx);
      await ctx.fact({ kind: "fencing", node: node.name, how, proofs, at: instant(ctx.clock) });
      return { kind: "done", outputs: { node: node.name, how, proofs: [...proofs] } };
    },
  });
}

type Fenced = Pick<Fencing, "how" | "proofs">;

/** Held back before it is stopped: what restarts a dead server at once would otherwise start a primary. */
async function shut(
  { control, replication }: FenceDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  { grace, timeout }: Input,
  ctx: StepContext,
): Promise<Fenced> {
  const { signal } = ctx;
  await requireOwnData({ control, replication }, system, node, { signal });
  const { id, locator } = await planFence(system, node, ctx);
  await ctx.requireCurrent();
  await control.holdBack(node);
  const stopped = await control.stop(node, grace === 0 ? "immediate" : "fast", grace, signal);
  const [runs, answer] = await Promise.all([
    control.running(node),
    replication.tryWrite(system, node, timeout, signal),
    ctx.ledger.created(id, locator),
  ]);
  if (runs) throw notProven(node, "one of its processes still runs", "run the step again");
  requireNoWrite(node, answer);
  const proofs = [`no process works in ${node.dataDir}`, `a start gives a standby (standby.signal)`, said(answer)];
  if (stopped.kind === "was_down") return { how: "already_down", proofs };
  const end = stopped.forced ? "it was killed" : stopped.clean ? "it shut down in order" : "it stopped at once";
  return { how: node.stop === null ? "stopped" : "command", proofs: [end, ...proofs] };
}

const LOOKS = 3;
const BETWEEN_MS = 150;

/** One look proves a moment: three of them, begun 300 ms apart in all, that it was no passing trouble. */
async function proveAway(
  { replication }: FenceDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  { timeout }: Input,
  { signal }: StepContext,
): Promise<Fenced> {
  const looks = Array.from({ length: LOOKS }, async (_, look): Promise<WriteAnswer> => {
    await delay(look * BETWEEN_MS, undefined, { signal });
    return replication.tryWrite(system, node, timeout, signal);
  });
  const answers = await Promise.all(looks);
  for (const answer of answers) {
    requireNoWrite(node, answer);
    if (answer.kind !== "acknowledged" && !answer.lasting) throw notProven(node, said(answer), ASK_ANOTHER_WAY);
  }
  return { how: "unreachable", proofs: answers.map(said) };
}

const ASK_ANOTHER_WAY =
  "stop it with your own tool first (command/run), and see that its name and credentials are right";

function requireNoWrite(node: NodeSpec, answer: WriteAnswer): void {
  if (answer.kind !== "acknowledged") return;
  const hint =
    node.dataDir === null
      ? "stop it with your own tool first: command/run (ssh, a cloud's API, the power switch)"
      : "another server answers at its address: is the inventory right?";
  throw notProven(node, "a write over its endpoint was acknowledged", hint);
}

function notProven({ name, endpoint }: NodeSpec, why: string, hint: string): StepError {
  const message = `it is not proven that ${name} (${endpoint.host}:${endpoint.port}) takes no more writes: ${why}`;
  return new StepError("permanent", "FENCE_NOT_PROVEN", message, { hint });
}

function said(answer: WriteAnswer): string {
  switch (answer.kind) {
    case "acknowledged":
      return "a write was acknowledged";
    case "refused":
      return `a write was refused: ${answer.reason}`;
    case "no_answer":
      return `a write got no answer: ${answer.reason}`;
    default:
      return answer satisfies never;
  }
}
