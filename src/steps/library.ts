import type { BackupLocation } from "../drills/inventory.ts";
import type { ResourceKeeper, Step } from "../engine/step-contract.ts";
import { createBackupStep } from "./backup/create.ts";
import { findBackupStep } from "./backup/find.ts";
import { declareStep } from "./disaster/declare.ts";
import { holdStep } from "./drill/hold.ts";
import type { BackupMaker } from "./ports/backup-maker.ts";
import type { BackupSource } from "./ports/backup-source.ts";
import type { Binaries, RestoreDriver, Sessions } from "./ports/postgres.ts";
import type { Sandboxes } from "./ports/sandbox.ts";
import { amcheckStep } from "./postgres/amcheck.ts";
import { checksumsStep } from "./postgres/checksums.ts";
import { fingerprintStep } from "./postgres/fingerprint.ts";
import { restoreStep } from "./postgres/restore.ts";
import { createSandboxStep } from "./sandbox/create.ts";
import { freshnessStep } from "./verify/freshness.ts";
import { rowsStep } from "./verify/rows.ts";
import { schemaStep } from "./verify/schema.ts";
import { sqlStep } from "./verify/sql.ts";

/** The drivers that steps work through. */
export interface StepDeps {
  readonly sandboxes: Sandboxes & { readonly keeper: ResourceKeeper };
  readonly sources: ReadonlyMap<BackupLocation["kind"], BackupSource>;
  readonly binaries: Binaries;
  readonly sessions: Sessions;
  readonly restorer: RestoreDriver;
  readonly backupMaker: BackupMaker;
}

/** Every step by its `uses` name. A new step is added here and nowhere else. */
export function stepLibrary(deps: StepDeps): ReadonlyMap<string, Step> {
  const steps: readonly Step[] = [
    findBackupStep(deps),
    createBackupStep(deps),
    declareStep,
    createSandboxStep(deps),
    restoreStep(deps),
    sqlStep(deps),
    rowsStep(deps),
    freshnessStep(deps),
    schemaStep(deps),
    amcheckStep(deps),
    checksumsStep(deps),
    fingerprintStep(deps),
    holdStep(deps),
  ];
  return new Map(steps.map((step) => [step.uses, step]));
}
