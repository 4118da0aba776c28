import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { syncDirectory, writeJsonAtomic } from "../../support/atomic-file.ts";
import { FiredrillError } from "../../support/errors.ts";
import { readDocument } from "./state-directory.ts";
import type { StateFiles } from "./state-files.ts";

/** Somebody wants runs to stop: who, why and since when. */
export interface HaltRequest {
  readonly who: string;
  readonly reason: string;
  readonly wallUs: number;
}

const VERSION = "firedrill/halt/v1";
const haltSchema = z.object({
  schemaVersion: z.string(),
  who: z.string().min(1),
  reason: z.string().min(1),
  wallUs: z.number().int(),
});

/** `<folder>/halt.json`; the state directory's stops all runs, a run's only that one. */
export async function readHalt(folder: string, files?: StateFiles): Promise<HaltRequest | null> {
  return readDocument(haltPath(folder), VERSION, haltSchema, files);
}

/** Throws `HALT_WHO_AND_WHY` when either is empty: a stop that nobody answers for is not kept. */
export async function requestHalt(folder: string, request: HaltRequest): Promise<void> {
  requireNamed(request);
  await writeJsonAtomic(haltPath(folder), { schemaVersion: VERSION, ...request });
}

export async function removeHalt(folder: string): Promise<void> {
  await rm(haltPath(folder), { force: true });
  await syncDirectory(folder);
}

export function requireNamed(request: Pick<HaltRequest, "who" | "reason">): void {
  if (request.who.trim() !== "" && request.reason.trim() !== "") return;
  throw new FiredrillError("HALT_WHO_AND_WHY", "To halt, and to lift a halt, takes a name and a reason.", {
    hint: "Give both: --who <name> --reason <text>.",
  });
}

/** Refuses a new run while a halt of all runs is in force. */
export async function assertNotHalted(root: string, files?: StateFiles): Promise<void> {
  const halt = await readHalt(root, files);
  if (halt === null) return;
  const since = new Date(halt.wallUs / 1000).toISOString();
  throw new FiredrillError("HALTED", `All runs are halted since ${since} by ${halt.who}: ${halt.reason}`, {
    hint: "`firedrill halt --all --lift --who <name> --reason <text>` allows runs again.",
  });
}

function haltPath(folder: string): string {
  return join(folder, "halt.json");
}
