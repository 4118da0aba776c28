import type { NodeSpec } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { NodeView, StandbyView } from "../ports/replication.ts";
import { listed } from "./listed.ts";
import { compareLsn } from "./wal-distance.ts";

/** A node that was looked at as a successor, and why it cannot be one (null: it can). */
export interface Candidate {
  readonly view: NodeView;
  readonly unfit: string | null;
}

export interface Chosen {
  readonly standby: StandbyView;
  readonly reason: string;
  /** A fit standby that has more, when another one was asked for by name. */
  readonly moreAdvanced: StandbyView | null;
  readonly candidates: readonly Candidate[];
}

/**
 * The standby that has received most, on the highest timeline; the first of the inventory among equals. `wanted` takes a
 * fit one by name. Pure. Throws `StepError` (subject): `PROMOTE_NO_STANDBY`, `PROMOTE_UNFIT`.
 */
export function chooseStandby(views: readonly NodeView[], wanted: NodeSpec | null): Chosen {
  const standbys = views.filter((view) => view.kind === "standby");
  const newest = Math.max(0, ...standbys.map(({ timeline }) => timeline));
  const candidates = views
    .filter((view) => view.kind !== "primary")
    .map((view) => ({ view, unfit: unfitness(view, newest) }));
  const fit = standbys.filter((view) => unfitness(view, newest) === null);
  const best = mostAdvanced(fit);
  if (best === null) throw noStandby(candidates);
  if (wanted === null || wanted.name === best.node.name)
    return { standby: best, reason: reasonFor(best, fit), moreAdvanced: null, candidates };
  const standby = fit.find(({ node }) => node.name === wanted.name);
  if (standby === undefined) throw unfitWanted(wanted, candidates);
  const ahead = compareLsn(best.receivedLsn ?? "0/0", standby.receivedLsn ?? "0/0") > 0 ? best : null;
  return { standby, reason: "asked for by name", moreAdvanced: ahead, candidates };
}

function unfitness(view: NodeView, newest: number): string | null {
  switch (view.kind) {
    case "unreachable":
      return `does not answer: ${view.reason}`;
    case "primary":
      return "is a primary";
    case "standby":
      if (view.timeline < newest) return `is on timeline ${view.timeline}, another one is on ${newest}`;
      return view.receivedLsn === null ? "has received nothing yet" : null;
    default:
      return view satisfies never;
  }
}

/** The first of equals, in the order of the inventory. */
function mostAdvanced(fit: readonly StandbyView[]): StandbyView | null {
  let best: StandbyView | null = null;
  for (const view of fit) {
    if (best === null || compareLsn(view.receivedLsn ?? "0/0", best.receivedLsn ?? "0/0") > 0) best = view;
  }
  return best;
}

function reasonFor(best: StandbyView, fit: readonly StandbyView[]): string {
  if (fit.length === 1) return "the only standby that can be promoted";
  const equals = fit.filter(({ receivedLsn }) => receivedLsn === best.receivedLsn).length;
  const most = `received most: ${best.receivedLsn ?? "nothing"} on timeline ${best.timeline}`;
  return equals === 1 ? most : `${most}, as ${equals - 1} other; first of them in the inventory`;
}

function texts(candidates: readonly Candidate[]): string {
  return listed(candidates.map(({ view, unfit }) => `${view.node.name} ${unfit ?? "is fit"}`));
}

function noStandby(candidates: readonly Candidate[]): StepError {
  const why = candidates.length === 0 ? "there is none beside the primary" : texts(candidates);
  return new StepError("subject", "PROMOTE_NO_STANDBY", `no standby can be promoted: ${why}`, {
    hint: "without a standby the way back is a backup: see postgres/restore",
  });
}

function unfitWanted({ name }: NodeSpec, candidates: readonly Candidate[]): StepError {
  const unfit = candidates.find(({ view }) => view.node.name === name)?.unfit ?? "is the primary";
  return new StepError("subject", "PROMOTE_UNFIT", `${name} cannot be promoted: it ${unfit}`, {
    hint: "let it be chosen: `auto`",
  });
}
