import { type Confinement, enterNothing } from "./confine.ts";
import { inspectMachine, type Machine, reachOf } from "./machine.ts";
import type { ServiceUser } from "./service-user.ts";

type User = Pick<ServiceUser, "uid" | "gid">;

/**
 * How a program is started as a server's user outside of a sandbox: with directory search where its paths lie below a folder that
 * only root may enter, as the sandbox's own servers are. For root; a path that stays closed is the program's to complain of.
 */
export function serverEntry() {
  let known: Promise<Machine> | null = null;
  return async (
    argv: readonly string[],
    user: User,
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Confinement> => {
    known ??= inspectMachine(user, 0, signal);
    const machine = await known;
    const reach = await reachOf([argv[0] ?? "", ...paths], user, 0, machine, signal);
    return reach === "needs_search" ? enterNothing(argv, user, machine.setpriv, true) : { argv, user };
  };
}
