import { readdirSync, readFileSync } from "node:fs";
import { startTicksOf } from "../support/process-identity.ts";

/**
 * Processes of the canary, found by what stands in their environment since they were started (proc(5)): installation, run,
 * traffic and role. Nothing written down is needed, so nothing that was not written down is overlooked.
 */
export const MARKER_NAME = "FIREDRILL_TRAFFIC";

export type Role = "writer" | "prober";

export interface TrafficName {
  readonly installation: string;
  readonly run: string;
  readonly id: string;
}

export interface MarkedProcess extends TrafficName {
  readonly role: Role;
  readonly pid: number;
  readonly startTicks: number;
}

export function markerOf({ installation, run, id }: TrafficName, role: Role): string {
  return `${MARKER_NAME}=${installation}/${run}/${id}/${role}`;
}

/** What is not named may be anything. */
export type Sought = Partial<TrafficName> & { readonly role?: Role };

/** Eldest first. */
export function findMarked(want: Sought): readonly MarkedProcess[] {
  return all()
    .filter(
      (found) =>
        (want.installation ?? found.installation) === found.installation &&
        (want.run ?? found.run) === found.run &&
        (want.id ?? found.id) === found.id &&
        (want.role ?? found.role) === found.role,
    )
    .toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

function all(): readonly MarkedProcess[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/u.test(name) ? (readMarker(Number(name)) ?? []) : []));
}

function readMarker(pid: number): MarkedProcess | null {
  let variables: readonly string[];
  try {
    variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    // Gone, or another user's: ours run as the user we run as.
    return null;
  }
  const value = variables.find((variable) => variable.startsWith(`${MARKER_NAME}=`))?.slice(MARKER_NAME.length + 1);
  const [installation, run, id, role, more] = value?.split("/") ?? [];
  const startTicks = startTicksOf(pid);
  if (startTicks === null || installation === undefined || run === undefined || id === undefined) return null;
  if ((role !== "writer" && role !== "prober") || more !== undefined) return null;
  return { installation, run, id, role, pid, startTicks };
}

/** Whether somebody elder does the same: then this process must not. */
export function hasElderTwin(marker: string): boolean {
  const own = startTicksOf(process.pid) ?? 0;
  return all().some((other) => {
    if (markerOf(other, other.role) !== marker || other.pid === process.pid) return false;
    return other.startTicks < own || (other.startTicks === own && other.pid < process.pid);
  });
}
