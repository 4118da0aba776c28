import { Client } from "pg";
import { StepError } from "../../../drills/step-error.ts";
import type { BackupRequest } from "../../../steps/ports/backup-maker.ts";
import type { Watch } from "../../../steps/ports/backup-source.ts";
import { quoteLiteral } from "../quote.ts";
import { connectError, queryError } from "../session-errors.ts";
import { clientConfig, reachHost } from "../sessions.ts";
import { BaseBackupQuery } from "./base-backup-query.ts";
import { storeArchives } from "./store-archives.ts";
import type { TakenBackup } from "./taken-backup.ts";

/** First byte of a base backup can take a checkpoint interval to come. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Takes a base backup over a physical replication connection, WAL and manifest included. Servers from 15 on. */
export async function takeOverReplication(
  request: BackupRequest,
  dir: string,
  password: string | null,
  watch: Watch,
): Promise<TakenBackup> {
  const options = { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  using reach = reachHost(request.database);
  // `replication` is a start-up parameter that pg passes on; its types do not name it.
  const config = { ...clientConfig(request.database, reach.host, password, options), replication: "true" };
  const client = new Client(config);
  client.on("error", () => undefined);
  const abort = (): void => void client.connection.stream.destroy();
  watch.signal.addEventListener("abort", abort, { once: true });
  try {
    await client.connect().catch((error: unknown) => Promise.reject(connectError(error, request.database)));
    const query = client.query(new BaseBackupQuery(command(request)));
    const stored = await storeArchives(query, dir, request.format, (done) =>
      watch.progress({ what: "base backup", done, total: null, unit: "bytes" }),
    );
    return { ...stored, ...positions(query) };
  } catch (error) {
    watch.signal.throwIfAborted();
    throw error instanceof StepError ? error : queryError(error);
  } finally {
    watch.signal.removeEventListener("abort", abort);
    client.connection.stream.destroy();
  }
}

function command({ label, checkpoint }: BackupRequest): string {
  return `BASE_BACKUP (LABEL ${quoteLiteral(label)}, CHECKPOINT '${checkpoint}', WAL true, WAIT false, MANIFEST 'yes', PROGRESS true)`;
}

function positions(query: BaseBackupQuery): Pick<TakenBackup, "startLsn" | "stopLsn" | "timeline"> {
  const [startLsn, timeline] = query.rows.at(0) ?? [];
  const [stopLsn] = query.rows.at(-1) ?? [];
  if (typeof startLsn !== "string" || typeof stopLsn !== "string" || typeof timeline !== "string") {
    throw new StepError("permanent", "BACKUP_TAKE", "the server did not say where the backup begins and ends");
  }
  return { startLsn, stopLsn, timeline: Number(timeline) };
}
