import type { StopReading } from "../drills/stop-condition.ts";
import { unknown } from "./judge-value.ts";

/** A redirect is an answer like any other: it is not followed. A connection that is refused says nothing about what would answer. */
export async function lookByHttp(url: string, status: number, signal: AbortSignal): Promise<StopReading> {
  try {
    const response = await fetch(url, { signal, redirect: "manual", headers: ONE_CONNECTION });
    await response.body?.cancel();
    return { kind: response.status === status ? "holds" : "breached", seen: `status ${response.status}` };
  } catch (error) {
    return unknown(fetchProblem(error));
  }
}

/** A connection that is kept would keep the process for seconds after its run has ended. */
export const ONE_CONNECTION = { connection: "close" } as const;

/** `fetch` hides the system's error behind "fetch failed". */
export function fetchProblem(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.message !== "") return cause.message;
  return error instanceof Error ? error.message : String(error);
}
