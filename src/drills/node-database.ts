import type { ClientPath } from "./client-path.ts";
import type { DatabaseRef } from "./database-ref.ts";
import type { NodeSpec, SystemSnapshot } from "./inventory.ts";

/** One server of a system as a database to connect to, with the system's credentials. */
export function nodeDatabase({ credentials }: SystemSnapshot, { endpoint }: NodeSpec): DatabaseRef {
  return { engine: "postgresql", sandbox: null, ...endpoint, ...login(credentials) };
}

/** The path on which the system's clients reach it. */
export function clientPathOf({ client, credentials }: SystemSnapshot): ClientPath {
  return {
    hosts: client.hosts.map((host) => ({ ...host })),
    targetSessionAttrs: client.targetSessionAttrs,
    ...login(credentials),
  };
}

function login({ user, database, password }: SystemSnapshot["credentials"]) {
  return { user: user ?? "postgres", database: database ?? "postgres", password };
}
