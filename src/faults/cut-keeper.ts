import { type FaultRef, faultSystem } from "../drills/fault-ref.ts";
import type { NodeSpec } from "../drills/inventory.ts";
import { nodeDatabase } from "../drills/node-database.ts";
import type { JsonObject } from "../support/json.ts";
import { CUT_PREFIX } from "./replication-cut.ts";
import { observeAll, type StandingDeps } from "./standing.ts";
import type { UndoableFaults } from "./system-faults.ts";

type CutRef = Extract<FaultRef, { type: "replication-cut" }>;
interface CutKeeperDeps extends StandingDeps {
  readonly faults: UndoableFaults;
}

export async function undoCuts(ref: CutRef, deps: CutKeeperDeps, signal: AbortSignal): Promise<void> {
  const { replication } = deps.faults.undo;
  const all = await locators(ref, deps, signal);
  // All of them first: one may use a slot at another. One that does not answer keeps no other from being undone.
  const undone = await Promise.allSettled(all.map((locator) => replication.undo(locator, signal)));
  // Then from the other end, which needs no right over other logins.
  const reconnect = async (): Promise<void> =>
    void (await Promise.allSettled(all.map((locator) => replication.reconnect(locator, signal))));
  const dropped = await Promise.allSettled(all.map((locator) => replication.dropSlots(locator, reconnect, signal)));
  for (const one of [...undone, ...dropped]) if (one.status === "rejected") throw one.reason;
}

export async function cutsGone(ref: CutRef, deps: CutKeeperDeps, signal: AbortSignal) {
  const answers = [];
  for (const locator of await locators(ref, deps, signal)) {
    answers.push(await deps.faults.undo.replication.verifyGone(locator, signal));
  }
  return { gone: answers.every(({ gone }) => gone), how: answers.map(({ how }) => how).join("; ") };
}

/** The setting is part of a data directory: a server that was rebuilt from a cut one has it too. */
async function locators(ref: CutRef, deps: CutKeeperDeps, signal: AbortSignal): Promise<readonly JsonObject[]> {
  const named = new Set(ref.cuts.map(({ node }) => node));
  const views = await observeAll(ref, deps, signal);
  const copies = views.filter(({ kind, node }) => kind !== "unreachable" && !named.has(node.name));
  return [...ref.cuts.map(({ undo }) => undo), ...copies.map(({ node }) => copyOf(ref, node))];
}

function copyOf(ref: CutRef, node: NodeSpec): JsonObject {
  const { sandbox: _, ...database } = nodeDatabase(faultSystem(ref), node);
  return { slot: `${CUT_PREFIX}copy`, previous: null, database };
}
