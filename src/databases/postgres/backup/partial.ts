/**
 * The unfinished backup: `<into>/<name>.partial`, a copy of production, and beside it the label that says whose it is.
 *
 * Invariants
 *  P1  With an owner, the label is durable before the folder exists and goes after it: no unfinished copy is nameless.
 *  P2  The finished backup has another name and no label inside; nothing here removes it.
 *  P3  What stands in the folder's place and is none (a link, a file) is not touched.
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StepError } from "../../../drills/step-error.ts";
import type { BackupOwner, CreatedBackup, Prepared } from "../../../steps/ports/backup-maker.ts";
import { createFileAtomic, writeFileAtomic } from "../../../support/atomic-file.ts";
import { removeTree } from "../held-folder.ts";
import { endProcesses } from "./backup-process.ts";

export interface PartialPlace {
  readonly into: string;
  readonly name: string;
  /** Of the finished backup. */
  readonly path: string;
  readonly partial: string;
  readonly label: string;
}

/** Throws `BACKUP_NAME`. */
export function partialPlace(into: string, name: string): PartialPlace {
  const path = join(into, safeName(name));
  return { into, name, path, partial: `${path}.partial`, label: `${path}.partial.firedrill.json` };
}

function safeName(name: string): string {
  if (/^[A-Za-z0-9][\w.+-]{0,127}$/u.test(name) && !name.endsWith(".partial")) return name;
  throw new StepError("permanent", "BACKUP_NAME", `not a name for a backup's folder: ${JSON.stringify(name)}`, {
    hint: "letters, digits, `.`, `_`, `+`, `-`; at most 128",
  });
}

const finishedSchema: z.ZodType<CreatedBackup> = z.object({
  path: z.string(),
  method: z.enum(["pg_basebackup", "replication", "low-level"]),
  format: z.enum(["plain", "tar"]),
  label: z.string(),
  major: z.number(),
  systemIdentifier: z.string(),
  startLsn: z.string(),
  stopLsn: z.string(),
  timeline: z.number(),
  bytes: z.number(),
  files: z.number(),
  durationUs: z.number(),
});
const labelSchema = z.object({
  v: z.literal(1),
  installation: z.string(),
  run: z.string(),
  step: z.string(),
  token: z.string().min(1),
  /** Written before the folder gets its final name: a step that runs again after a crash finds what it had made. */
  finished: finishedSchema.nullable(),
});
type PartialLabel = z.output<typeof labelSchema>;

/** Null: there is none, or none that we wrote. */
export async function readLabel({ label }: PartialPlace): Promise<PartialLabel | null> {
  try {
    await using file = await open(label, constants.O_RDONLY | constants.O_NOFOLLOW);
    return labelSchema.safeParse(JSON.parse(await file.readFile("utf8"))).data ?? null;
  } catch {
    return null;
  }
}

/** See `BackupMaker.prepare`. */
export async function preparePartial(place: PartialPlace, owner: BackupOwner): Promise<Prepared> {
  const { into, name, path, partial, label } = place;
  const earlier = await readLabel(place);
  if (earlier !== null && isSameStep(earlier, owner)) {
    if (earlier.finished !== null && (await isThere(path))) return { kind: "finished", backup: earlier.finished };
    await removePartial(place, earlier.token);
  }
  await requireFree([path, partial, label], earlier);
  return { kind: "free", locator: { into, name, partial, token: owner.token } };
}

/** One run has one orchestrator: who asks for the same step holds its lock, and who wrote the label is dead. */
function isSameStep(label: PartialLabel, { installation, run, step }: BackupOwner): boolean {
  return label.installation === installation && label.run === run && label.step === step;
}

/** Makes the folder, its label first (P1). Throws `BACKUP_EXISTS`. */
export async function claim(place: PartialPlace, owner: BackupOwner | undefined): Promise<void> {
  if (owner !== undefined && !(await createFileAtomic(place.label, labelText(owner, null)))) throw exists(place.label);
  try {
    await mkdir(place.partial, { mode: 0o700 });
  } catch (error) {
    // Somebody else made it since we looked: it must not bear our name.
    if (owner !== undefined) await rm(place.label, { force: true });
    throw error instanceof Error && "code" in error && error.code === "EEXIST" ? exists(place.partial) : error;
  }
}

export async function noteFinished(
  place: PartialPlace,
  owner: BackupOwner | undefined,
  created: CreatedBackup,
): Promise<void> {
  if (owner !== undefined) await writeFileAtomic(place.label, labelText(owner, created));
}

function labelText(owner: BackupOwner, finished: CreatedBackup | null): string {
  const label: PartialLabel = { v: 1, ...owner, finished };
  return `${JSON.stringify(label, null, 2)}\n`;
}

/** Ends who works for it, then removes the folder and its label. Throws `BACKUP_PARTIAL_STUCK`. */
export async function removePartial(place: PartialPlace, token: string | null): Promise<void> {
  if (token !== null) await endProcesses(token);
  const there = await lstat(place.partial).catch(absent);
  if (there !== null && !there.isDirectory()) throw stuck(place, "a link or a file stands in its place"); // P3
  if (there !== null) await removeTree(place.partial);
  await rm(place.label, { force: true }); // P1
}

export function stuck({ partial }: PartialPlace, why: string): StepError {
  return new StepError("permanent", "BACKUP_PARTIAL_STUCK", `the unfinished backup ${partial} is not removed: ${why}`, {
    hint: "it may hold a copy of production: look at it and remove it by hand",
  });
}

/** Throws `BACKUP_EXISTS`. */
export async function requireFree(paths: readonly string[], of: PartialLabel | null = null): Promise<void> {
  for (const path of paths) if (await isThere(path)) throw exists(path, of);
}

function exists(path: string, of: PartialLabel | null = null): StepError {
  const whose = of === null ? "" : `; run ${of.run} of installation ${of.installation} began it`;
  return new StepError("permanent", "BACKUP_EXISTS", `${path} exists already${whose}`, {
    hint: "choose another name; a backup is never overwritten. `firedrill clean` removes what a dead run left unfinished",
  });
}

/** Also a link that leads nowhere is there. What cannot be looked at is an error, not absence. */
export async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== null;
}

function absent(error: unknown): null {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return null;
  throw error;
}
