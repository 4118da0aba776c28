import { z } from "zod";
import type { FaultRef } from "../../drills/fault-ref.ts";
import { faultLocator } from "../../drills/fault-ref.ts";
import type { Reconciliation, StepContext, StepResult } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { formatWallUs } from "../../support/format.ts";
import type { Injected } from "../ports/system-faults.ts";
import { type FaultNote, readNote, writeNote } from "./fault-note.ts";

export const faultOutputs = z.object({
  node: z.string().describe("The server it was put in at."),
  at: z.string().describe("When it was in force, UTC, with microseconds."),
});
export type FaultOutputs = z.input<typeof faultOutputs>;

export interface Fault {
  readonly ref: FaultRef;
  /** Node, or nodes, by name. */
  readonly node: string;
  readonly title: string;
  /** Processes that are to be hit; none for a fault around them. */
  readonly pids: readonly number[];
  act(): Promise<Injected>;
}

/** A run that was given up is cleaned within hours, and `firedrill clean` finds what is older. */
const TTL_MS = 24 * 60 * 60 * 1000;

/** In the ledger first; then the right to act is asked for once more; then the act; then its record. */
export async function inject(uses: string, fault: Fault, ctx: StepContext): Promise<StepResult<FaultOutputs>> {
  const { ref, node, title, pids } = fault;
  const locator = faultLocator(ref);
  const resource = await ctx.ledger.plan({ kind: "fault", title, ttlMs: TTL_MS, locator });
  await ctx.requireCurrent();
  const note = { node, locator, pids: [...pids], before: instant(ctx.clock) };
  writeNote(ctx, { ...note, injected: null });
  const injected = await fault.act();
  writeNote(ctx, { ...note, injected });
  await ctx.ledger.created(resource.id, locator);
  return { kind: "done", outputs: await record(uses, node, injected, ctx) };
}

/** T0 belongs to the first fault of the phase `disaster`. */
async function record(uses: string, node: string, injected: Injected, ctx: StepContext): Promise<FaultOutputs> {
  const { begun, done, detail } = injected;
  await ctx.fact({ kind: "injection", fault: uses, node, detail, begun, done });
  if (ctx.phase === "disaster" && !ctx.marks().some(({ mark }) => mark === "T0")) {
    const resolutionUs = done.monoUs - begun.monoUs;
    await ctx.mark({ mark: "T0", ...done, source: "orchestrator", resolutionUs, note: `${uses} ${node}` });
  }
  return { node, at: formatWallUs(done.wallUs, 6) };
}

/** What the world says when the note does not tell how the act ended. */
export type Aftermath = "in_force" | "not_in_force" | { readonly unknown: string };

/**
 * After a crash: the note tells when; without its second half the world tells whether, and the time lies somewhere between
 * the note and now.
 */
export async function reconcileFault(
  uses: string,
  ctx: StepContext,
  look: (note: FaultNote) => Promise<Aftermath>,
): Promise<Reconciliation<FaultOutputs>> {
  const note = readNote(ctx);
  if (note === null) return { kind: "did_not_happen" };
  if (note.bootId !== ctx.clock.bootId) {
    return { kind: "unknown", message: `the machine was started again since ${uses} was put in at ${note.node}` };
  }
  if (note.injected !== null) return { kind: "happened", outputs: await record(uses, note.node, note.injected, ctx) };
  const aftermath = await look(note);
  if (aftermath === "not_in_force") return { kind: "did_not_happen" };
  if (aftermath !== "in_force") return { kind: "unknown", message: aftermath.unknown };
  const detail = "found in force after a crash of the orchestrator";
  const injected = { begun: note.before, done: instant(ctx.clock), detail };
  return { kind: "happened", outputs: await record(uses, note.node, injected, ctx) };
}
