import { z } from "zod";
import { databaseRefSchema, type DatabaseRef } from "../../drills/database-ref.ts";
import type { SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import type { BackupMaker, BackupRequest, CreatedBackup } from "../ports/backup-maker.ts";

export interface CreateBackupDeps {
  readonly maker: BackupMaker;
}

const input = z.object({
  of: databaseRefSchema.optional().describe("The running server; the primary of the run's system when absent."),
  into: z
    .string()
    .startsWith("/", "expected an absolute path")
    .optional()
    .describe("Folder of base backups; the system's first backup location when absent."),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.+-]{0,127}$/u, "expected letters, digits, `.`, `_`, `+`, `-`")
    .optional()
    .describe("Name of the new backup's folder; made of the run's id when absent."),
  method: z
    .enum(["auto", "pg_basebackup", "replication", "low-level"])
    .default("auto")
    .describe("`auto`: pg_basebackup where it is installed for this version, else the same over our own connection."),
  format: z.enum(["plain", "tar"]).default("plain").describe("`tar` where the system has tablespaces."),
  checkpoint: z
    .enum(["fast", "spread"])
    .default("spread")
    .describe("`fast` begins at once and costs the system a burst of writes."),
});

const outputs = z.object({
  path: z.string(),
  name: z.string(),
  method: z.string(),
  format: z.string(),
  major: z.number().int(),
  systemIdentifier: z.string(),
  startLsn: z.string(),
  stopLsn: z.string(),
  timeline: z.number().int(),
  bytes: z.number().int(),
  files: z.number().int(),
  durationUs: z.number().int(),
});

type Input = z.output<typeof input>;

/** `backup/create`: a base backup of a running system. It only reads from it. What is unfinished is in the ledger, and goes; what is finished stays. */
export function createBackupStep({ maker }: CreateBackupDeps) {
  return defineStep({
    uses: "backup/create",
    summary: "Takes a base backup of a running system into a folder of backups.",
    role: "action",
    effect: "read",
    idempotent: true,
    with: input,
    outputs,
    creates: ["backup-directory"],
    needsSystem: false,

    async run(asked, ctx) {
      // The same after a crash of this attempt, so that it meets what it had begun.
      const name = asked.name ?? `${ctx.runId}-${ctx.stepId}-${ctx.attempt}`;
      const { method, format, checkpoint } = asked;
      const database = asked.of ?? primaryOf(ctx.system);
      const label = `firedrill ${ctx.runId}`;
      const created = await take(
        maker,
        { database, into: folderOf(asked, ctx), name, method, format, checkpoint, label },
        ctx,
      );
      const { label: _label, ...rest } = created;
      return { kind: "done", outputs: { ...rest, name } };
    },
  });
}

async function take(maker: BackupMaker, request: BackupRequest, ctx: StepContext): Promise<CreatedBackup> {
  const { installation, runId, stepId, attempt, epoch } = ctx;
  const token = [installation, runId, stepId, attempt, epoch].join("/");
  const owner = { installation, run: runId, step: stepId, token };
  const prepared = await maker.prepare(request, owner);
  if (prepared.kind === "finished") return prepared.backup;
  const title = `unfinished base backup ${request.name} of step ${stepId}`;
  // No time to live: nothing ends it but its step and the cleanup.
  const { locator } = prepared;
  const resource = await ctx.ledger.plan({ kind: "backup-directory", title, ttlMs: 0, locator });
  const watch = { signal: ctx.signal, progress: ctx.progress.bind(ctx) };
  const created = await maker.create({ ...request, owner }, watch);
  await ctx.ledger.created(resource.id, locator);
  return created;
}

function primaryOf(system: SystemSnapshot | null): DatabaseRef {
  const primary = system?.endpoints.primary ?? null;
  if (system === null || primary === null) {
    throw new StepError("permanent", "BACKUP_SYSTEM", "there is no system with a primary to take a backup of", {
      hint: "run with --system, or name a server under `of:`",
    });
  }
  const { user, password, database } = system.credentials;
  return {
    engine: "postgresql",
    sandbox: null,
    ...primary,
    user: user ?? "postgres",
    database: database ?? "postgres",
    password,
  };
}

function folderOf({ into }: Input, { system }: StepContext): string {
  const path = into ?? system?.backups[0]?.path;
  if (path !== undefined) return path;
  throw new StepError("permanent", "BACKUP_SYSTEM", "there is no folder to put the backup into", {
    hint: "give the system a backup location in the inventory, or name a folder under `into:`",
  });
}
