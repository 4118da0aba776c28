import { FiredrillError } from "../../support/errors.ts";
import { sandboxHost } from "../../wire.ts";
import { type DoctorRow, lacks, less, ok } from "./doctor-row.ts";

/** Who servers run as, whether they get to their files, and what fences them. */
export async function sandboxRows(stateDir: string, signal: AbortSignal): Promise<readonly DoctorRow[]> {
  try {
    const { user, machine, reach } = await sandboxHost(stateDir, signal);
    const name = user.name === "" ? `uid ${user.uid}, as yourself` : `${user.name} (uid ${user.uid})`;
    return [ok("service user", name), reachRow(stateDir, name, reach), fenceRow(machine.namespaceRefused)];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FiredrillError)) throw error;
    return [lacks("service user", error.message, error.hint ?? "add the user postgres")];
  }
}

function reachRow(stateDir: string, user: string, reach: "open" | "needs_search" | "closed"): DoctorRow {
  switch (reach) {
    case "open":
      return ok("sandboxes", `servers can enter ${stateDir}`);
    case "needs_search":
      return less(
        "sandboxes",
        `a folder above ${stateDir} is closed to ${user}: servers get CAP_DAC_READ_SEARCH`,
        "name a place below /srv or /var/tmp with --state",
      );
    case "closed":
      return lacks("sandboxes", `${user} cannot enter ${stateDir}`, "name a place below /srv or /var/tmp with --state");
    default:
      return reach satisfies never;
  }
}

function fenceRow(refused: string | null): DoctorRow {
  if (refused === null) return ok("fence", "network namespaces");
  return less(
    "fence",
    `settings only: ${refused}`,
    "run as root, or allow user namespaces; else systems of the inventory must be out of reach of this machine",
  );
}
