/**
 * Tries once more what runs that have ended left behind.
 *
 * Owns: which entries of an ended run's ledger are still open, and the note of those that are gone by now. Does not: touch the
 * record of the run: what it left stays true of it.
 *
 * Invariants
 *  L1  A system that another run holds is not touched: what looks left over may be that run's.
 *  L2  An entry is noted as gone only when its keeper has asked the world.
 */
import { join } from "node:path";
import { z } from "zod";
import type { Plan } from "../drills/plan.ts";
import type { Resource } from "../drills/run-event.ts";
import { writeJsonAtomic } from "../support/atomic-file.ts";
import { type Removed, removeResource } from "./clean-up.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { lockForPlan } from "./hold-system.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { readDocument } from "./state/state-directory.ts";
import { stepFailure } from "./step-failure.ts";

export interface TriedAgain {
  readonly resource: Resource;
  readonly removed: Removed;
}

/** `open`: what the ledger ends with, in the order of removal. Never rejects for a resource. */
export async function cleanLeftovers(
  dir: string,
  plan: Plan,
  open: readonly Resource[],
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<readonly TriedAgain[]> {
  const gone = await goneSince(dir);
  const left = open.filter(({ id }) => !gone.has(id));
  if (left.length === 0) return [];
  using held = await hold(plan, deps);
  if (held.kind === "busy") return left.map((resource) => ({ resource, removed: leftover(held.reason) })); // L1
  const tried: TriedAgain[] = [];
  for (const resource of left) {
    const removed = await removeOne(resource, deps, signal);
    tried.push({ resource, removed });
    if (removed.kind !== "gone") continue;
    gone.set(resource.id, { verifiedBy: removed.how, wallUs: deps.clock.wallUs() }); // L2
    await writeJsonAtomic(notePath(dir), { schemaVersion: VERSION, gone: Object.fromEntries(gone) });
  }
  return tried;
}

/** Ids of what a later `clean` proved gone. */
export async function goneSince(dir: string): Promise<Map<string, z.output<typeof entry>>> {
  const note = await readDocument(notePath(dir), VERSION, noteSchema);
  return new Map(Object.entries(note?.gone ?? {}));
}

const VERSION = "firedrill/cleaned/v1";
const entry = z.object({ verifiedBy: z.string(), wallUs: z.int() });
const noteSchema = z.object({ schemaVersion: z.string(), gone: z.record(z.string(), entry) });

function notePath(dir: string): string {
  return join(dir, "cleaned.json");
}

type Hold = Disposable & ({ readonly kind: "held" } | { readonly kind: "busy"; readonly reason: string });

async function hold(plan: Plan, deps: EngineDeps): Promise<Hold> {
  try {
    const lock: HeldLock | null = await lockForPlan(plan, deps);
    return { kind: "held", [Symbol.dispose]: () => lock?.[Symbol.dispose]() };
  } catch (error) {
    return { kind: "busy", reason: stepFailure(error, deps.redactor).message, [Symbol.dispose]: () => undefined };
  }
}

async function removeOne(resource: Resource, deps: EngineDeps, signal: AbortSignal): Promise<Removed> {
  const keeper = deps.keepers.find((one) => one.kind === resource.kind);
  if (keeper === undefined) return leftover(`nothing here can remove a ${resource.kind}`);
  return removeResource(keeper, resource.locator, signal, deps, resource.id);
}

function leftover(reason: string): Removed {
  return { kind: "leftover", reason };
}
