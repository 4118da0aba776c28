import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { formatConninfo, parseConninfo } from "./conninfo.ts";

/** Where a standby connects to; all else (TLS, its name, timeouts) stays as it was. */
const PLACE: ReadonlySet<string> = new Set(["host", "hostaddr", "port"]);
const LOGIN: ReadonlySet<string> = new Set(["user", "passfile", "password"]);

/**
 * `primary_conninfo` of a standby that follows `primary`. What it had (`former`) is kept, its name too, by which
 * `synchronous_standby_names` knows it; the login is the inventory's where it has one. Throws `FOLLOW_PASSWORD`: a password is not written anew.
 */
export function standbyConninfo(
  system: SystemSnapshot,
  standby: NodeSpec,
  primary: NodeSpec,
  former: string | null,
): string {
  const { replication } = system.credentials;
  const had = parseConninfo(former ?? "") ?? new Map<string, string>();
  const dropped = new Set([...PLACE, ...(replication === null ? [] : LOGIN)]);
  const kept = [...had].filter(([keyword]) => !dropped.has(keyword));
  const { host, port } = primary.endpoint;
  const pairs = new Map([["host", host], ["port", String(port)], ...loginOf(system), ...kept]);
  if (!pairs.has("application_name")) pairs.set("application_name", standby.name);
  if (pairs.has("password")) throw passwordInside(standby);
  return formatConninfo(pairs);
}

function loginOf({ credentials }: SystemSnapshot): [string, string][] {
  const { replication, user } = credentials;
  if (replication === null) return [["user", user ?? "postgres"]];
  const { passfile } = replication;
  return [["user", replication.user], ...(passfile === null ? [] : [["passfile", passfile] as [string, string]])];
}

function passwordInside({ name }: NodeSpec): StepError {
  return new StepError(
    "permanent",
    "FOLLOW_PASSWORD",
    `primary_conninfo of ${name} holds a password, which is not copied into another file`,
    { hint: "give the system credentials.replication with a passfile in the inventory" },
  );
}
