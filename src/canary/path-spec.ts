import { z } from "zod";
import type { ClientPath } from "../drills/client-path.ts";

/** The client path with the password itself: travels by stdin from us to our processes, and nowhere else. */
export const pathSpecSchema = z.object({
  hosts: z.array(z.object({ host: z.string(), port: z.number().int() })).min(1),
  targetSessionAttrs: z.enum(["any", "read-write"]),
  user: z.string(),
  database: z.string(),
  password: z.string().nullable(),
  /** Of each host: address, greeting, authentication and the question whether it takes writes. */
  connectTimeoutUs: z.number().int().positive(),
});
export type PathSpec = z.infer<typeof pathSpecSchema>;
export type PathHost = PathSpec["hosts"][number];

/** Value of a secret reference (`file:/...`, `env:NAME`). */
export type ReadSecret = (ref: string) => Promise<string>;

export async function pathSpec(path: ClientPath, connectTimeoutUs: number, secret: ReadSecret): Promise<PathSpec> {
  const password = path.password === null ? null : await secret(path.password);
  return { ...path, password, connectTimeoutUs };
}

/** `host:port`, and the address in brackets where a name stood for it: behind a name that moves, it is what changes. */
export function endpointText({ host, port }: PathHost, address?: string): string {
  const name = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return address === undefined || address === host || host.startsWith("/") ? name : `${name}[${address}]`;
}

/** `user@host:port,host:port/database`, for messages. */
export function pathText({ hosts, user, database }: Pick<PathSpec, "hosts" | "user" | "database">): string {
  return `${user}@${hosts.map((host) => endpointText(host)).join(",")}/${database}`;
}
