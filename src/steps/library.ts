import type { BackupLocation } from "../drills/inventory.ts";
import type { Step } from "../engine/step-contract.ts";
import { type CreateBackupDeps, createBackupStep } from "./backup/create.ts";
import { findBackupStep } from "./backup/find.ts";
import { declareStep } from "./disaster/declare.ts";
import { holdStep } from "./drill/hold.ts";
import type { BackupSource } from "./ports/backup-source.ts";
import type { PageVerifier } from "./ports/checks.ts";
import { amcheckStep } from "./postgres/amcheck.ts";
import { checksumsStep } from "./postgres/checksums.ts";
import { type FingerprintDeps, fingerprintStep } from "./postgres/fingerprint.ts";
import { type RestoreDeps, restoreStep } from "./postgres/restore.ts";
import { type CreateSandboxDeps, createSandboxStep } from "./sandbox/create.ts";
import { freshnessStep } from "./verify/freshness.ts";
import { rowsStep } from "./verify/rows.ts";
import { type SchemaDeps, schemaStep } from "./verify/schema.ts";
import { sqlStep } from "./verify/sql.ts";

/** The drivers that steps work through. */
export interface StepDeps extends RestoreDeps, CreateBackupDeps, CreateSandboxDeps, FingerprintDeps, SchemaDeps {
  readonly sources: ReadonlyMap<BackupLocation["kind"], BackupSource>;
  readonly pages: PageVerifier;
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
