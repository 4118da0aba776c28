import type { Patroni, PatroniLimits, PatroniLook, PatroniNode, PatroniRequest } from "../steps/ports/patroni.ts";
import { type Clock, instant } from "../support/clock.ts";
import { decodeCluster, decodeReply, decodeSelf } from "./decode.ts";
import { request } from "./rest-client.ts";

/** {@link Patroni} by its REST API. */
export function createPatroni({ clock }: { readonly clock: Clock }): Patroni {
  return {
    look: (node, limits) => look(clock, node, limits),
    async ask(node, wish, { login, ...limits }) {
      const posted = { base: node.patroni, path: wish.kind, body: bodyOf(wish), login, ...limits };
      return decodeReply(await request(posted));
    },
  };
}

async function look(clock: Clock, node: PatroniNode, limits: PatroniLimits): Promise<PatroniLook> {
  const asked = instant(clock);
  const get = (path: string) => request({ base: node.patroni, path, ...limits });
  const [own, view] = await Promise.all([get("patroni"), get("cluster")]);
  const at = instant(clock);
  const self = decodeSelf(own);
  if (self.value === null) return { kind: "silent", node, asked, at, reason: self.reason };
  return { kind: "answered", node, asked, at, ...self.value, cluster: decodeCluster(view) };
}

function bodyOf(wish: PatroniRequest): Readonly<Record<string, unknown>> {
  switch (wish.kind) {
    case "switchover":
      return { leader: wish.leader, ...(wish.candidate === null ? {} : { candidate: wish.candidate }) };
    case "failover":
      return { candidate: wish.candidate };
    default:
      return wish satisfies never;
  }
}
