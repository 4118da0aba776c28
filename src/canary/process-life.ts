/** How a process of the canary lives: told what to do by stdin, ended by SIGTERM or by its time to live, alone with its name. */
import { text } from "node:stream/consumers";
import type { z } from "zod";
import { hasElderTwin } from "./marked-processes.ts";

/** Exit code of a process that found another doing its work. */
export const TWIN_EXIT = 3;

export async function readSpec<S extends z.ZodType>(schema: S): Promise<z.output<S>> {
  return schema.parse(JSON.parse(await text(process.stdin)));
}

export type Life = { readonly kind: "twin" } | { readonly kind: "alone"; readonly signal: AbortSignal };

/** The signal's reason is one word: `sigterm` or `ttl`. Signals of a terminal are none of its business. */
export function beginLife({ marker, ttlMs }: { readonly marker: string; readonly ttlMs: number }): Life {
  if (hasElderTwin(marker)) return { kind: "twin" };
  const end = new AbortController();
  process.on("SIGTERM", () => end.abort("sigterm"));
  for (const ignored of ["SIGINT", "SIGHUP"] as const) process.on(ignored, () => undefined);
  setTimeout(() => end.abort("ttl"), ttlMs).unref();
  return { kind: "alone", signal: end.signal };
}
