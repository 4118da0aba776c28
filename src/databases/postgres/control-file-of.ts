import { join } from "node:path";
import { type ControlFile, readControlFile } from "../../formats/postgres/control-file.ts";
import { readPlainFile } from "./plain-file.ts";

/** PG_CONTROL_FILE_SIZE (pg_control.h). */
const BYTES = 8192;

/** Of a data directory that its server's user may have put anything into. */
export async function controlFileOf(dataDir: string): Promise<ControlFile> {
  return readControlFile(await readPlainFile(join(dataDir, "global/pg_control"), BYTES));
}
