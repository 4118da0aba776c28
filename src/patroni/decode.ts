import { z } from "zod";
import type { PatroniAnswer, PatroniMember, PatroniReply, PatroniView } from "../steps/ports/patroni.ts";
import { printable } from "../support/printable.ts";
import type { RestAnswer } from "./rest-client.ts";

/** What Patroni 3 and 4 answer (docs: "Patroni REST API"); unknown fields are let through. */
const tags = z.looseObject({ nofailover: z.unknown().optional(), failover_priority: z.unknown().optional() });
const member = z.looseObject({
  name: z.string(),
  role: z.string(),
  state: z.string().default(""),
  host: z.string().optional(),
  port: z.number().optional(),
  api_url: z.string().nullish(),
  lag: z.unknown().optional(),
  tags: tags.optional(),
});
const cluster = z.looseObject({ members: z.array(member), pause: z.boolean().default(false) });
const self = z.looseObject({ state: z.string(), role: z.string(), patroni: z.looseObject({}) });

const MAX_SHOWN = 300;

/** Null, with the reason, when the answer is none of Patroni's. */
export function decodeSelf(answer: RestAnswer): Decoded<Pick<PatroniAnswer, "role" | "state">> {
  const decoded = decode(self, answer, "/patroni");
  if (decoded.value === null) return decoded;
  return { value: { role: roleOf(decoded.value.role), state: decoded.value.state } };
}

export function decodeCluster(answer: RestAnswer): PatroniView {
  const decoded = decode(cluster, answer, "/cluster");
  if (decoded.value === null) return { kind: "unknown", reason: decoded.reason };
  const { members, pause } = decoded.value;
  return { kind: "known", members: members.map(memberOf), paused: pause };
}

type Decoded<T> = { readonly value: T } | { readonly value: null; readonly reason: string };

function decode<T>(schema: z.ZodType<T>, answer: RestAnswer, path: string): Decoded<T> {
  if (answer.kind === "no_answer") return { value: null, reason: answer.reason };
  if (answer.status !== 200) return { value: null, reason: `${path} answered ${answer.status}: ${textOf(answer)}` };
  const parsed = schema.safeParse(parseJson(answer.text));
  if (parsed.success) return { value: parsed.data };
  return { value: null, reason: `${path} answered with what is not Patroni's: ${textOf(answer)}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `master` up to Patroni 3, `primary` from 4. */
function roleOf(role: string): PatroniAnswer["role"] {
  if (role === "master" || role === "primary") return "primary";
  return role === "replica" ? "replica" : "other";
}

function memberOf(found: z.output<typeof member>): PatroniMember {
  const { name, role, state, host = null, port = null, lag } = found;
  const lagBytes = typeof lag === "number" && Number.isSafeInteger(lag) ? lag : null;
  const nofailover = isTrue(found.tags?.nofailover) || found.tags?.failover_priority === 0;
  return { name, role, state, host, port, apiUrl: found.api_url ?? null, lagBytes, nofailover };
}

/** Tags are written by people: `true`, `"true"`, `"yes"`, `"on"` (Patroni: utils.parse_bool). */
function isTrue(value: unknown): boolean {
  return value === true || (typeof value === "string" && /^(?:true|yes|on|1)$/iu.test(value));
}

/** The status codes of `POST /switchover` and `/failover` (Patroni: api.py, `do_POST_failover`). */
export function decodeReply(answer: RestAnswer): PatroniReply {
  if (answer.kind === "no_answer") return answer;
  const { status } = answer;
  const text = textOf(answer);
  switch (status) {
    case 200:
    case 202:
      return { kind: "done", text };
    case 400:
    case 404:
    case 409:
    case 412:
      return { kind: "refused", status, text };
    case 401:
    case 403:
      return { kind: "denied", status, text };
    default:
      return { kind: "failed", status, text };
  }
}

/** Patroni's own answers are one plain sentence; those of its HTTP server, or of a proxy, are pages. */
function textOf({ text }: { readonly text: string }): string {
  const plain = text
    .replaceAll(/<[^>]{0,1000}>/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .trim();
  return plain === "" ? "nothing" : printable(plain, MAX_SHOWN);
}
