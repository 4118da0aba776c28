import type { BackupLocation } from "../drills/inventory.ts";
import type { Step } from "../engine/step-contract.ts";
import { type ApprovalStepDeps, approvalStep } from "./approval.ts";
import { type CreateBackupDeps, createBackupStep } from "./backup/create.ts";
import { findBackupStep } from "./backup/find.ts";
import { declareStep } from "./disaster/declare.ts";
import { holdStep } from "./drill/hold.ts";
import { runCommandStep } from "./command/run.ts";
import type { FaultDeps } from "./fault/fault-deps.ts";
import { diskFullStep } from "./fault/disk-full.ts";
import { freezeStep } from "./fault/freeze.ts";
import { killStep } from "./fault/kill.ts";
import { partitionStep } from "./fault/partition.ts";
import { replicationCutStep } from "./fault/replication-cut.ts";
import { undoStep } from "./fault/undo.ts";
import { type HttpRequestDeps, httpRequestStep } from "./http/request.ts";
import { patroniFailoverStep } from "./patroni/failover.ts";
import type { PatroniDeps } from "./patroni/input.ts";
import { patroniSwitchoverStep } from "./patroni/switchover.ts";
import type { Commands } from "./ports/commands.ts";
import { type FenceDeps, fenceStep } from "./postgres/fence.ts";
import { type PromoteDeps, promoteStep } from "./postgres/promote.ts";
import { type RebuildDeps, rebuildStep } from "./postgres/rebuild.ts";
import { replicaStatusStep } from "./postgres/replica-status.ts";
import { switchoverStep } from "./postgres/switchover.ts";
import { detectOutageStep } from "./traffic/detect.ts";
import { recoveredStep } from "./traffic/recovered.ts";
import { startTrafficStep } from "./traffic/start.ts";
import { stopTrafficStep } from "./traffic/stop.ts";
import { waitUntilStep } from "./wait/until.ts";
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
export interface StepDeps
  extends
    RestoreDeps,
    CreateBackupDeps,
    CreateSandboxDeps,
    FingerprintDeps,
    SchemaDeps,
    ApprovalStepDeps,
    Omit<FaultDeps, "replication">,
    FenceDeps,
    PromoteDeps,
    RebuildDeps,
    PatroniDeps,
    HttpRequestDeps {
  readonly commands: Commands;
  readonly sources: ReadonlyMap<BackupLocation["kind"], BackupSource>;
  readonly pages: PageVerifier;
}

/** Every step by its `uses` name. A new step is added here and nowhere else. */
export function stepLibrary(deps: StepDeps): ReadonlyMap<string, Step> {
  const steps: readonly Step[] = [
    findBackupStep(deps),
    createBackupStep(deps),
    declareStep,
    approvalStep(deps),
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
    startTrafficStep(deps),
    detectOutageStep(deps),
    recoveredStep(deps),
    stopTrafficStep(deps),
    killStep(deps),
    freezeStep(deps),
    partitionStep(deps),
    replicationCutStep(deps),
    diskFullStep(deps),
    undoStep,
    replicaStatusStep(deps),
    fenceStep(deps),
    promoteStep(deps),
    switchoverStep(deps),
    rebuildStep(deps),
    patroniSwitchoverStep(deps),
    patroniFailoverStep(deps),
    runCommandStep(deps),
    httpRequestStep(deps),
    waitUntilStep(deps),
  ];
  return new Map(steps.map((step) => [step.uses, step]));
}
