import type { NodeSpec } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type {
  Patroni,
  PatroniLimits,
  PatroniLogin,
  PatroniNode,
  PatroniReply,
  PatroniRequest,
} from "../ports/patroni.ts";

/**
 * Puts the request to the first node that takes it: the cluster's store is one, so any will do. Throws `PATRONI_REFUSED`,
 * `PATRONI_DENIED`, `PATRONI_UNREACHABLE` when it surely did not begin.
 */
export async function askPatroni(
  patroni: Patroni,
  nodes: readonly PatroniNode[],
  request: PatroniRequest,
  options: PatroniLimits & PatroniLogin,
): Promise<Exclude<PatroniReply, { kind: "refused" | "denied" }>> {
  const unheard: string[] = [];
  for (const node of nodes) {
    const reply = await patroni.ask(node, request, options);
    switch (reply.kind) {
      case "refused":
        throw refused(node, request, reply);
      case "denied":
        throw denied(node, request, reply);
      case "done":
      case "failed":
        return reply;
      case "no_answer":
        if (reply.sent) return reply;
        unheard.push(`${node.name}: ${reply.reason}`);
        break;
      default:
        return reply satisfies never;
    }
  }
  throw new StepError(
    "transient",
    "PATRONI_UNREACHABLE",
    `no node's Patroni takes the request: ${unheard.join("; ")}`,
    {
      hint: "is Patroni running, and are the `patroni` URLs of the inventory right?",
    },
  );
}

/** `preferred` first. */
export function inOrder(nodes: readonly PatroniNode[], preferred: NodeSpec | null): readonly PatroniNode[] {
  return nodes.toSorted((one, other) => Number(other.name === preferred?.name) - Number(one.name === preferred?.name));
}

interface Answered {
  readonly status: number;
  readonly text: string;
}

/** 412: the cluster cannot. The others: the request is wrong, or this Patroni does not know it. */
function refused({ name }: NodeSpec, { kind }: PatroniRequest, { status, text }: Answered): StepError {
  return new StepError(
    status === 412 ? "subject" : "permanent",
    "PATRONI_REFUSED",
    `Patroni of ${name} refused the ${kind} (${status}): ${text}`,
    {
      hint:
        status === 412 ? "look at `patronictl list` and at Patroni's log" : "is it Patroni 3 or 4 that answers there?",
      details: { status },
    },
  );
}

function denied({ name }: NodeSpec, { kind }: PatroniRequest, { status, text }: Answered): StepError {
  return new StepError(
    "permanent",
    "PATRONI_DENIED",
    `Patroni of ${name} does not take the ${kind} from us (${status}): ${text}`,
    {
      hint: "give `auth: { user, password }` as in its `restapi.authentication`, the password as env: or file: reference",
      details: { status },
    },
  );
}
