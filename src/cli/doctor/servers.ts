import { FiredrillError } from "../../support/errors.ts";
import { readOnlyDrivers, type Settings } from "../../wire.ts";
import { type DoctorRow, lacks, ok } from "./doctor-row.ts";

/** Beside the server; each is used where it is there. */
const TOOLS = ["initdb", "pg_basebackup", "pg_verifybackup", "pg_waldump", "psql"] as const;

/** `settings.stateDir` may be written to: the npm package is copied there when it cannot be used where it is. */
export async function serverRows(settings: Settings, signal: AbortSignal): Promise<readonly DoctorRow[]> {
  try {
    const servers = await readOnlyDrivers(settings).binaries.all(signal);
    if (servers.length > 0) {
      return servers.map(({ version, bin, from, tools }) => {
        const place = from === "npm" ? "npm package" : `${from}: ${bin}`;
        const beside = TOOLS.filter((tool) => tools.has(tool));
        return ok("postgresql", `${version} (${place}; ${beside.join(", ")})`);
      });
    }
    return [lacks("postgresql", "no server", "install one, or name its folder with --pg-bin")];
  } catch (error) {
    if (!(error instanceof FiredrillError)) throw error;
    return [lacks("postgresql", error.message, error.hint ?? "name another folder with --pg-bin")];
  }
}
