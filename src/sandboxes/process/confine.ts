import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import type { ServiceUser } from "./service-user.ts";

/** A command line and, where `setpriv` does not do it, the user that spawn(2) switches to. */
export interface Confinement {
  readonly argv: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

type User = Pick<ServiceUser, "uid" | "gid">;

/**
 * `setpriv` (util-linux) down to the user, without groups and for good. `search` leaves CAP_DAC_READ_SEARCH, and nothing
 * else, for programs whose folders lie below one that only root may enter. It also lets the program read files of others:
 * so it is given only where nothing works without it, and it never lets it write.
 */
export function asUser(user: User, search: boolean): readonly string[] {
  const ids = ["--reuid", `${user.uid}`, "--regid", `${user.gid}`, "--clear-groups", "--no-new-privs"];
  return ["setpriv", ...ids, ...(search ? SEARCH : []), "--"];
}

/** access(2), by which PostgreSQL finds its own programs, ignores the capability of a user without the secure bit. */
const SEARCH = [
  "--securebits",
  "+no_setuid_fixup",
  "--inh-caps",
  "+dac_read_search",
  "--ambient-caps",
  "+dac_read_search",
];

/** As the user, in our own namespaces. */
export function enterNothing(argv: readonly string[], user: User, setpriv: boolean, search: boolean): Confinement {
  if (setpriv) return { argv: [...asUser(user, search), ...argv] };
  return { argv, user: { uid: user.uid, gid: user.gid } };
}

export interface Inside {
  readonly selfUid: number;
  readonly setpriv: boolean;
  readonly search: boolean;
  /** Owner of the network namespace. */
  readonly watchdogPid: number;
}

/** As the sandbox's user, inside its fence. The program's arguments are passed on as they are: there is no shell. */
export function confine(ref: SandboxRef, argv: readonly string[], inside: Inside): Confinement {
  const dropped: Confinement = inside.selfUid === 0 ? enterNothing(argv, ref, inside.setpriv, inside.search) : { argv };
  if (ref.fence === "settings") return dropped;
  const user = inside.selfUid === 0 ? [] : ["--user", "--preserve-credentials"];
  return {
    ...dropped,
    argv: ["nsenter", "--target", `${inside.watchdogPid}`, "--net", ...user, "--", ...dropped.argv],
  };
}
