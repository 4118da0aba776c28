import type { z } from "zod";
import type { Transfer } from "../../drills/facts.ts";
import { parseRecoveryTarget, type RecoveryTarget } from "../../drills/recovery-target.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import type { BackupSource, Watch } from "../ports/backup-source.ts";
import type { Binaries, PostgresBinaries, Recovered, RestoreDriver } from "../ports/postgres.ts";
import type { RestorePlace } from "../ports/restore-place.ts";
import { restoreInput, settingTexts } from "./restore-input.ts";
import { outputsOf, restoreOutput } from "./restore-output.ts";

export interface RestoreDeps {
  readonly binaries: Binaries;
  readonly source: BackupSource;
  readonly place: RestorePlace;
  readonly driver: RestoreDriver;
  /** Settings that a playbook must not set, lower case. */
  readonly reservedSettings: ReadonlySet<string>;
}

type Input = z.output<ReturnType<typeof restoreInput>>;

/**
 * `postgres/restore`: copies a base backup into a sandbox, replays WAL up to the target, and opens it. All that can be known
 * to fail is found before the first byte is copied: no server of that version, a gap in the WAL, a target out of reach.
 */
export function restoreStep(deps: RestoreDeps) {
  return defineStep({
    uses: "postgres/restore",
    summary:
      "Restores a base backup into a sandbox, replays the archived WAL up to a target, proves that the copy is harmless, and opens it.",
    role: "action",
    effect: "sandbox",
    idempotent: true,
    with: restoreInput(deps.reservedSettings),
    outputs: restoreOutput,
    creates: [],
    needsSystem: false,

    async run(input, ctx) {
      const target = targetOf(input.until);
      const binaries = await deps.binaries.forMajor(input.backup.major, ctx.signal);
      const reachesLsn = await assess(deps.source, input, target, ctx.signal);
      const { transfer, recovered } = await restore(deps, { input, target, binaries, reachesLsn }, ctx);
      await record(recovered, ctx);
      return { kind: "done", outputs: outputsOf(transfer, recovered) };
    },
  });
}

interface Work {
  readonly input: Input;
  readonly target: RecoveryTarget;
  readonly binaries: PostgresBinaries;
  readonly reachesLsn: string | null;
}

async function restore(
  deps: RestoreDeps,
  work: Work,
  ctx: StepContext,
): Promise<{ transfer: Transfer; recovered: Recovered }> {
  const { input, target, binaries, reachesLsn } = work;
  const watch: Watch = { signal: ctx.signal, progress: (progress) => ctx.progress(progress) };
  const { files, spool } = await deps.place.prepare(input.into, ctx.signal);
  const transfer = await deps.source.fetch(input.backup, files, watch);
  await ctx.fact(transfer);
  await sayUnverified(transfer, input, ctx);
  await using wal = await deps.source.feedWal(input.backup, spool, watch);
  const { backup, timeline, finish, durability, superuser, database, preload } = input;
  const settings = settingTexts(input.settings);
  const place = { sandbox: input.into, dataDir: files.dir, binaries, backup, wal };
  const wish = {
    target,
    timeline,
    finish,
    durability,
    superuser,
    database,
    settings,
    preload,
    expectedLsn: reachesLsn,
  };
  return { transfer, recovered: await deps.driver.recover({ ...place, ...wish }, watch) };
}

/** What was copied unseen may be damaged where no query of the drill looks: its success must not look like any other. */
async function sayUnverified({ files, verifiedFiles, checksum }: Transfer, { backup }: Input, ctx: StepContext) {
  if (verifiedFiles > 0) return;
  const message = `${backup.path}: none of ${files} files could be checked while they were copied (checksums: ${checksum})`;
  await ctx.deviation("BACKUP_UNVERIFIED", message);
}

/** The plan has checked it already; a value that came from another step's output is seen here first. */
function targetOf(until: string): RecoveryTarget {
  const target = parseRecoveryTarget(until);
  if (target !== undefined) return target;
  throw new StepError("permanent", "RESTORE_TARGET", `not a recovery target: ${JSON.stringify(until)}`, {
    hint: "write latest, immediate, an LSN, a time with zone, or name:<restore point>",
  });
}

async function assess(
  source: BackupSource,
  { backup, timeline }: Input,
  target: RecoveryTarget,
  signal: AbortSignal,
): Promise<string | null> {
  const assessment = await source.assess(backup, target, timeline, signal);
  if (assessment.kind === "restorable") return assessment.reachesLsn;
  const [first] = assessment.problems;
  const message = assessment.problems.map((problem) => problem.message).join("; ");
  const hint = first?.hint === undefined ? {} : { hint: first.hint };
  throw new StepError("subject", first?.code ?? "BACKUP_BROKEN", message, {
    ...hint,
    details: { problems: assessment.problems },
  });
}

/** Facts first, then the marks: a mark says that something could be used, and what was used is known by then. */
async function record(
  { recoveryPoint, replay, server, profile, database, firstRead, firstWrite }: Recovered,
  ctx: StepContext,
): Promise<void> {
  for (const fact of [recoveryPoint, replay, profile, server]) await ctx.fact(fact);
  await ctx.fact({ kind: "service", database, writable: firstWrite !== null });
  await ctx.mark({
    mark: "T4",
    ...firstRead,
    source: "orchestrator",
    note: "first answer of the restored server at its target",
  });
  if (firstWrite === null) return;
  await ctx.mark({
    mark: "T5",
    ...firstWrite,
    source: "orchestrator",
    note: "first commit acknowledged by the restored server",
  });
}
