import { z } from "zod";
import type { StepContext } from "../../engine/step-contract.ts";
import type { Patroni, PatroniLogin, PatroniLook, PatroniNode } from "../ports/patroni.ts";
import type { Replication } from "../ports/replication.ts";
import type { Traffic } from "../ports/traffic.ts";

export interface PatroniDeps {
  readonly patroni: Patroni;
  readonly replication: Replication;
  readonly traffic: Traffic;
}

export const toField = z
  .string()
  .min(1)
  .optional()
  .describe("Node that becomes the leader; Patroni chooses when absent.");

export const authField = z
  .strictObject({
    user: z.string().min(1).describe("`restapi.authentication.username` of Patroni."),
    password: z
      .string()
      .regex(/^(?:env:|file:)./u, "a secret must be a reference: env:NAME or file:/path")
      .describe("Reference to its password: `env:NAME` or `file:/path`."),
  })
  .optional()
  .describe("Login for the REST API, where Patroni asks for one before it changes anything.");

export async function loginOf(auth: z.output<typeof authField>, ctx: StepContext): Promise<PatroniLogin["login"]> {
  return auth === undefined ? null : { user: auth.user, password: await ctx.secret(auth.password) };
}

/** Longest a node may take to say what it is before the request. */
const LOOK_MS = 2000;

export function lookAround(
  patroni: Patroni,
  nodes: readonly PatroniNode[],
  { signal }: StepContext,
): Promise<readonly PatroniLook[]> {
  return Promise.all(nodes.map((node) => patroni.look(node, { timeoutMs: LOOK_MS, signal })));
}

/** Of the servers themselves. */
export const OBSERVE_MS = 2000;
