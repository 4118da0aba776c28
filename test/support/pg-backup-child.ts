/** An orchestrator that takes a base backup, for tests that kill it: `node pg-backup-child.ts <backup request as JSON>`. */
import { createBackupMaker } from "../../src/databases/postgres/backup/create-base-backup.ts";
import type { BackupRequest } from "../../src/steps/ports/backup-maker.ts";
import { clock, quiet, sessions, testBinaries } from "./pg-machine.ts";

const request = JSON.parse(process.argv[2] ?? "") as BackupRequest; // written by the test
const maker = createBackupMaker({ sessions, binaries: testBinaries(), clock, secret: async () => "" });
await maker.create(request, quiet);
