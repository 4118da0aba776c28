import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { PatroniLook, PatroniMember } from "../ports/patroni.ts";
import { type KnownView, knownViews, leaderOf, nodeOf, requireNode, runsAsPrimary, said } from "./members.ts";

/** The cluster as those nodes that can tell agree on it. */
export interface ClusterState {
  /** Null: nobody holds the leader's key. */
  readonly leader: { readonly member: PatroniMember; readonly node: NodeSpec } | null;
  readonly members: readonly PatroniMember[];
  readonly paused: boolean;
}

/** Throws `PATRONI_UNREACHABLE`, `PATRONI_NO_STORE`, `PATRONI_DISAGREE`, `PATRONI_MEMBER_UNKNOWN`. Pure. */
export function clusterState(looks: readonly PatroniLook[], system: SystemSnapshot): ClusterState {
  const views = knownViews(looks);
  const [first] = views;
  if (first === undefined) throw nobodyTells(looks);
  const leaders = new Set(views.map((view) => leaderOf(view)?.name ?? null));
  if (leaders.size > 1) throw disagree(looks);
  const member = leaderOf(first);
  const leader = member === null ? null : { member, node: requireNode(member, system) };
  return { leader, members: first.members, paused: views.some(({ paused }) => paused) };
}

function nobodyTells(looks: readonly PatroniLook[]): StepError {
  if (looks.every(({ kind }) => kind === "silent"))
    return new StepError("transient", "PATRONI_UNREACHABLE", `no node's Patroni answers: ${said(looks)}`, {
      hint: "is Patroni running, and are the `patroni` URLs of the inventory right?",
    });
  return new StepError(
    "subject",
    "PATRONI_NO_STORE",
    `no node's Patroni can read the cluster's state: ${said(looks)}`,
    {
      hint: "does its configuration store (etcd, Consul, ZooKeeper, Kubernetes) run?",
    },
  );
}

function disagree(looks: readonly PatroniLook[]): StepError {
  return new StepError("transient", "PATRONI_DISAGREE", `the nodes do not agree who the leader is: ${said(looks)}`, {
    hint: "a change is going on, or a node is cut off: look at `patronictl list`",
  });
}

/** Why a member could not take over; null: it can. Its own word counts more than the store's, which may be a loop old. */
export function unfitness(member: PatroniMember, looks: readonly PatroniLook[], system: SystemSnapshot): string | null {
  if (member.nofailover) return "its tags forbid it (nofailover)";
  const node = nodeOf(member, system);
  const look = looks.find((one) => one.node.name === node?.name);
  if (look?.kind === "silent") return `its Patroni does not answer: ${look.reason}`;
  const state = look?.state ?? member.state;
  return RUNNING.has(state) ? null : `its server is ${state === "" ? "in an unknown state" : state}`;
}

/** `streaming` and `in archive recovery` are `running` of a replica from Patroni 3.1 on. */
const RUNNING: ReadonlySet<string> = new Set(["running", "streaming", "in archive recovery"]);

/** Whether somebody else than `before` is the leader, runs as the primary, and `before` does not say so any more. Pure. */
export function successor(looks: readonly PatroniLook[], before: string, system: SystemSnapshot): NodeSpec | null {
  const named = knownViews(looks).map((view) => successorIn(view, system));
  const [first = null] = named;
  if (first === null || first.name === before || named.some((node) => node?.name !== first.name)) return null;
  const own = looks.find(({ node }) => node.name === first.name);
  if (own !== undefined && !runsAsPrimary(own)) return null;
  const old = looks.find(({ node }) => node.name === before);
  return old !== undefined && runsAsPrimary(old) ? null : first;
}

function successorIn(view: KnownView, system: SystemSnapshot): NodeSpec | null {
  const leader = leaderOf(view);
  return leader === null ? null : requireNode(leader, system);
}
