import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { PatroniAnswer, PatroniLook, PatroniMember, PatroniNode } from "../ports/patroni.ts";

/** The nodes whose REST API the inventory names. Throws `PATRONI_NO_URL`. */
export function patroniNodes({ name, nodes }: SystemSnapshot): readonly PatroniNode[] {
  const found = nodes.flatMap((node) => (node.patroni === null ? [] : [{ ...node, patroni: node.patroni }]));
  if (found.length > 0) return found;
  throw new StepError(
    "permanent",
    "PATRONI_NO_URL",
    `the inventory names no REST API of Patroni for a node of ${name}`,
    {
      hint: "give each node `patroni: http://host:8008`",
    },
  );
}

/** A member under the name that the inventory gives it: by its API, by its server's address, by its name. */
export function nodeOf(member: PatroniMember, { nodes }: Pick<SystemSnapshot, "nodes">): NodeSpec | null {
  return (
    nodes.find(({ patroni }) => patroni !== null && sameOrigin(patroni, member.apiUrl)) ??
    nodes.find(({ endpoint }) => endpoint.host === member.host && endpoint.port === (member.port ?? 5432)) ??
    nodes.find(({ name }) => name === member.name) ??
    null
  );
}

function sameOrigin(base: string, apiUrl: string | null): boolean {
  return (
    apiUrl !== null && URL.canParse(apiUrl) && URL.canParse(base) && new URL(apiUrl).origin === new URL(base).origin
  );
}

/** Throws `PATRONI_MEMBER_UNKNOWN`. */
export function requireNode(member: PatroniMember, system: SystemSnapshot): NodeSpec {
  const node = nodeOf(member, system);
  if (node !== null) return node;
  const address = member.host === null ? "" : ` (${member.host}:${member.port ?? 5432})`;
  throw new StepError(
    "permanent",
    "PATRONI_MEMBER_UNKNOWN",
    `Patroni's member ${member.name}${address} is none of the inventory's nodes`,
    {
      hint: "give the node the member's name, its address, or its `patroni` URL in the inventory",
    },
  );
}

/** Who answered and could read the configuration store. */
export interface KnownView {
  readonly look: PatroniAnswer;
  readonly members: readonly PatroniMember[];
  readonly paused: boolean;
}

export function knownViews(looks: readonly PatroniLook[]): readonly KnownView[] {
  return looks.flatMap((look) =>
    look.kind === "answered" && look.cluster.kind === "known"
      ? [{ look, members: look.cluster.members, paused: look.cluster.paused }]
      : [],
  );
}

/** The leader of a cluster that takes writes; a standby cluster has a `standby_leader`. */
export function leaderOf({ members }: Pick<KnownView, "members">): PatroniMember | null {
  return members.find(({ role }) => role === "leader" || role === "master") ?? null;
}

/** Its server is up and out of recovery, as its own Patroni says. */
export function runsAsPrimary(look: PatroniLook): boolean {
  return look.kind === "answered" && look.role === "primary" && look.state === "running";
}

/** What each node said, for a message. */
export function said(looks: readonly PatroniLook[]): string {
  return looks.map(saidBy).join("; ");
}

function saidBy(look: PatroniLook): string {
  const { name } = look.node;
  if (look.kind === "silent") return `${name}: ${look.reason}`;
  if (look.cluster.kind === "unknown")
    return `${name} is a ${look.role} (${look.state}), its cluster: ${look.cluster.reason}`;
  const leader = leaderOf(look.cluster);
  return `${name} is a ${look.role} (${look.state}) and sees ${leader === null ? "no leader" : `the leader ${leader.name}`}`;
}
