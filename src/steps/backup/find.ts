import { z } from "zod";
import { type BackupRef, backupRefSchema } from "../../drills/backup-ref.ts";
import type { RecoverySource } from "../../drills/facts.ts";
import type { BackupLocation, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import type { BackupListing, BackupProblem, BackupSource } from "../ports/backup-source.ts";
import { findInput, type FindInput } from "./find-input.ts";
import { ageUs, selectBackup } from "./select-backup.ts";

export type BackupSources = ReadonlyMap<BackupLocation["kind"], BackupSource>;

const findOutput = z.object({
  backup: backupRefSchema,
  ageSeconds: z
    .number()
    .int()
    .nullable()
    .describe("Whole seconds since the backup ended; null when its times are unknown."),
  candidates: z.number().int().describe("Backups the selection chose from."),
  rejected: z.number().int().describe("Folders that looked like backups and are none."),
  reason: z.string().describe("Why this one."),
  reachesLsn: z.string().nullable().describe("End of the last segment of WAL on the way to the target."),
  timeline: z.number().int().describe("Timeline the recovery will follow."),
  walBytes: z.number().int().describe("WAL to replay at most, whole segments."),
  notes: z.array(z.string()).describe("What could not be checked before the restore."),
});

/** Finds a backup that can be brought to the target, or says everything that is wrong. Creates nothing. */
export function findBackupStep(deps: { readonly sources: BackupSources }): Step<typeof findInput, typeof findOutput> {
  return defineStep({
    uses: "backup/find",
    summary: "Selects a base backup and checks its age, its completeness and its WAL up to the target.",
    role: "action",
    effect: "read",
    idempotent: true,
    with: findInput,
    outputs: findOutput,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: true,
    async run(input, ctx) {
      const system = requireSystem(ctx.system, input.system);
      const found = await listAll(system, deps.sources, ctx.signal);
      const answer = selectFrom(found, system, input, ctx);
      const { backup } = answer;
      const assessment = await sourceOf(backup.source, deps.sources).assess(
        backup,
        input.until,
        input.timeline,
        ctx.signal,
      );
      const problems = [...answer.problems, ...(assessment.kind === "broken" ? assessment.problems : [])];
      if (assessment.kind === "broken" || problems.length > 0) throw refuse(problems, backup);
      for (const { path, code, reason } of found.rejected)
        await ctx.deviation("BACKUP_REJECTED", `${path}: ${code} ${reason}`);
      for (const what of assessment.unchecked ?? [])
        await ctx.deviation("BACKUP_UNVERIFIED", `${backup.path}: ${what}`);
      await ctx.fact(recoverySource(backup, answer.reason));
      const age = ageUs(backup, ctx.clock.wallUs());
      const { reachesLsn, timeline, walBytes, notes } = assessment;
      const outputs = {
        backup,
        ageSeconds: age === null ? null : Math.floor(age / 1_000_000),
        candidates: answer.candidates,
        rejected: found.rejected.length,
      };
      return {
        kind: "done",
        outputs: { ...outputs, reason: answer.reason, reachesLsn, timeline, walBytes, notes: [...notes] },
      };
    },
  });
}

function requireSystem(system: SystemSnapshot | null, named: string | undefined): SystemSnapshot {
  if (system === null)
    throw new StepError("permanent", "BACKUP_NO_SYSTEM", "backup/find needs a system", { hint: "Run with --system." });
  if (named !== undefined && named !== system.name)
    throw new StepError(
      "permanent",
      "BACKUP_OTHER_SYSTEM_NAMED",
      `backup/find names the system ${named}, and the drill is of ${system.name}`,
      { hint: "Leave `system:` out, or run with the --system that it names." },
    );
  if (system.backups.length > 0) return system;
  throw new StepError("permanent", "BACKUP_NO_LOCATION", `system ${system.name} names no backups`, {
    hint: "Add `backups:` to it in the inventory.",
  });
}

async function listAll(system: SystemSnapshot, sources: BackupSources, signal: AbortSignal): Promise<BackupListing> {
  const backups: BackupRef[] = [];
  const rejected: BackupListing["rejected"][number][] = [];
  for (const location of system.backups) {
    const listing = await sourceOf(location.kind, sources).list(location, signal);
    backups.push(...listing.backups);
    rejected.push(...listing.rejected);
  }
  return { backups: backups.toSorted((a, b) => timeOf(b) - timeOf(a)), rejected };
}

function timeOf(backup: BackupRef): number {
  return backup.endedWallUs ?? backup.startedWallUs ?? 0;
}

function sourceOf(kind: BackupLocation["kind"], sources: BackupSources): BackupSource {
  const source = sources.get(kind);
  if (source !== undefined) return source;
  throw new StepError("permanent", "BACKUP_SOURCE_UNKNOWN", `no source for backups of kind ${kind}`);
}

function selectFrom(found: BackupListing, system: SystemSnapshot, input: FindInput, ctx: StepContext) {
  if (found.backups.length === 0) throw nothingFound(found, system);
  const answer = selectBackup({
    backups: found.backups,
    selection: input.select,
    maxAgeMs: input.maxAge,
    minAgeMs: input.minAge,
    nowWallUs: ctx.clock.wallUs(),
    random: () => ctx.random(),
  });
  if (answer.kind === "none") throw refuse([answer.problem], null);
  return answer;
}

/** An empty set fails. One rejected folder says best itself what is wrong. */
function nothingFound(found: BackupListing, system: SystemSnapshot): StepError {
  const problems = found.rejected.map(({ path, code, reason }) => ({
    code,
    message: reason.includes(path) ? reason : `${path}: ${reason}`,
  }));
  if (problems.length === 1) return refuse(problems, null);
  const where = system.backups.map((location) => location.path).join(", ");
  return refuse(
    [
      {
        code: "BACKUP_NONE",
        message: `no base backup of ${system.name} in ${where}`,
        hint: "Check `backups:` of the system in the inventory.",
      },
      ...problems,
    ],
    null,
  );
}

/** Everything that is wrong, in one error; its code is the first problem's. */
function refuse(problems: readonly BackupProblem[], backup: BackupRef | null): StepError {
  const [first] = problems;
  const message = problems
    .map((problem) => (problems.length > 1 ? `${problem.code} ${problem.message}` : problem.message))
    .join("\n");
  return new StepError("subject", first?.code ?? "BACKUP_NONE", message, {
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    details: { backup: backup?.path ?? null, problems: problems.map((problem) => ({ ...problem })) },
  });
}

function recoverySource(backup: BackupRef, selection: string): RecoverySource {
  const {
    path,
    format,
    startedWallUs,
    endedWallUs,
    timeFrom,
    startLsn,
    stopLsn,
    timeline,
    systemIdentifier,
    sizeBytes,
    files,
    manifestSha256,
    archiveEndLsn,
  } = backup;
  return {
    kind: "recovery_source",
    tool: backup.source,
    backupId: backup.id,
    path,
    format: backup.compression === "none" ? format : `${format} (${backup.compression})`,
    startedWallUs,
    endedWallUs,
    timeFrom,
    startLsn,
    stopLsn,
    timeline,
    systemIdentifier,
    sizeBytes,
    files,
    manifestSha256,
    selection,
    archiveEndLsn,
  };
}
