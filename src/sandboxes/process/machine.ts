import { readFileSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { CLEAN_ENVIRONMENT, runBounded } from "./bounded.ts";
import { asUser, type Confinement, enterNothing } from "./confine.ts";
import type { ServiceUser } from "./service-user.ts";

/** What this machine lets us do; found out by doing it, because containers take away what the kernel offers. */
export interface Machine {
  /** Null: a network namespace can be made and entered. Else why not. */
  readonly namespaceRefused: string | null;
  /** `setpriv` of util-linux works. */
  readonly setpriv: boolean;
  /** `setpriv` can leave CAP_DAC_READ_SEARCH to a program of the service user. */
  readonly search: boolean;
  /** We may look into processes of the service user (CAP_SYS_PTRACE, or it is us). */
  readonly seesServers: boolean;
}

const TRIAL_MS = 5_000;
const CAP_SYS_PTRACE = 19n;

export async function inspectMachine(
  user: Pick<ServiceUser, "uid" | "gid">,
  selfUid: number,
  signal: AbortSignal,
): Promise<Machine> {
  const setpriv = selfUid === 0 && (await succeeds([...asUser(user, false), "true"], signal)) === null;
  const namespaceRefused = await tryNamespace(user, selfUid, setpriv, signal);
  const search = setpriv && (await succeeds([...asUser(user, true), "true"], signal)) === null;
  return { namespaceRefused, setpriv, search, seesServers: selfUid !== 0 || hasCapability(CAP_SYS_PTRACE) };
}

async function tryNamespace(
  user: Pick<ServiceUser, "uid" | "gid">,
  selfUid: number,
  setpriv: boolean,
  signal: AbortSignal,
): Promise<string | null> {
  if (selfUid === 0 && !setpriv) return "setpriv of util-linux is missing";
  const enter = ["nsenter", "--net=/proc/self/ns/net", "--preserve-credentials", "--"];
  const drop = selfUid === 0 ? asUser(user, false) : [];
  return succeeds([...unshareCommand(selfUid), ...enter, ...drop, "true"], signal);
}

/** Makes the network namespace. `--keep-caps` lets an ordinary user bring its loopback up. */
export function unshareCommand(selfUid: number): readonly string[] {
  if (selfUid === 0) return ["unshare", "--net", "--"];
  return ["unshare", "--user", "--map-current-user", "--net", "--keep-caps", "--"];
}

/** Null, or what the program said. */
async function succeeds(argv: readonly string[], signal: AbortSignal): Promise<string | null> {
  const { code, stderr } = await runBounded({ argv, env: CLEAN_ENVIRONMENT, cwd: "/", timeoutMs: TRIAL_MS, signal });
  return code === 0 ? null : stderr.trim().split("\n")[0] || `exit code ${code}`;
}

function hasCapability(bit: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync("/proc/self/status", "latin1"));
  return ((BigInt(`0x${effective?.[1] ?? "0"}`) >> bit) & 1n) === 1n;
}

export type Reach = "open" | "needs_search" | "closed";

/** Can the service user get to these paths through all folders above them, by itself or with directory search granted? */
export async function reachOf(
  paths: readonly string[],
  user: Pick<ServiceUser, "uid" | "gid">,
  selfUid: number,
  machine: Pick<Machine, "setpriv" | "search">,
  signal: AbortSignal,
): Promise<Reach> {
  if (selfUid !== 0) return (await allEnterable(paths)) ? "open" : "closed";
  const test = ["/bin/sh", "-c", 'for path; do test -x "$path" || exit 1; done', "sh", ...paths];
  const run = async (with_: Confinement): Promise<boolean> => {
    const as = with_.user === undefined ? {} : { user: with_.user };
    return (
      (await runBounded({ argv: with_.argv, env: CLEAN_ENVIRONMENT, cwd: "/", timeoutMs: TRIAL_MS, signal, ...as }))
        .code === 0
    );
  };
  if (await run(enterNothing(test, user, machine.setpriv, false))) return "open";
  if (!machine.search) return "closed";
  return (await run(enterNothing(test, user, true, true))) ? "needs_search" : "closed";
}

async function allEnterable(paths: readonly string[]): Promise<boolean> {
  try {
    for (const path of paths) await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
