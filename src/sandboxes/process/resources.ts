import { readdirSync, statSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../drills/step-error.ts";
import type { FoundResource, ResourceKeeper } from "../../engine/step-contract.ts";
import { isAlive } from "../../support/process-identity.ts";
import type { Host } from "./host.ts";
import { idPrefix, isSandboxId, readLocator } from "./layout.ts";
import { readRecord, type SandboxRecord } from "./record.ts";
import { membersOf, removeSandbox } from "./remove.ts";

/** Between making the folder and writing whose it is there is an instant: so long a nameless one is left alone. */
const NAMELESS_MS = 60_000;

/** Finds and removes sandboxes, also those no ledger knows. Never touches one of another installation. */
export function sandboxKeeper(deps: Host): ResourceKeeper {
  return {
    kind: "sandbox-process",
    async list(installation) {
      const root = deps.root();
      return foldersIn(root).flatMap((id) => describe(deps, root, id, installation) ?? []);
    },
    async destroy(locator, signal) {
      const target = readLocator(deps.root(), locator);
      refuseForeign(deps, target.id, target.dir);
      await removeSandbox(target, await deps.machine(signal), signal);
    },
    async verifyGone(locator, signal) {
      const target = readLocator(deps.root(), locator);
      const folder = await lstat(target.dir).catch(() => null);
      const { alive, looked } = await membersOf(target, await deps.machine(signal), signal);
      const there = folder === null ? "does not exist" : "still exists";
      const how = `lstat: ${target.dir} ${there}; /proc: ${alive.length} of ${looked} processes work in it or bear its marker`;
      return { gone: folder === null && alive.length === 0, how };
    },
  };
}

function foldersIn(root: string): readonly string[] {
  try {
    return readdirSync(root).filter(isSandboxId);
  } catch {
    return [];
  }
}

function describe(deps: Host, root: string, id: string, installation: string): FoundResource | null {
  const dir = join(root, id);
  const record = readRecord(dir);
  if (record === null) return describeNameless(deps, dir, id, installation);
  if (record.labels.installation !== installation) return null;
  const { uid, gid, labels, owner } = record;
  return {
    run: labels.run,
    title: labels.title,
    locator: { id, dir, uid, gid },
    ownerAlive: isAlive(owner, deps.clock.bootId) && !isOverdue(record, deps),
  };
}

/** Its watchdogs should have ended it long ago: whoever made it has no say any more, however alive. */
function isOverdue({ createdMonoUs, ttlMs }: SandboxRecord, { clock }: Host): boolean {
  return clock.monoUs() > createdMonoUs + (ttlMs + OVERDUE_MS) * 1000;
}

const OVERDUE_MS = 30_000;

function describeNameless({ clock, log }: Host, dir: string, id: string, installation: string): FoundResource | null {
  const stat = statSync(dir, { throwIfNoEntry: false });
  const data = statSync(join(dir, "data"), { throwIfNoEntry: false }) ?? stat;
  if (stat === undefined || data === undefined || clock.wallUs() / 1000 - stat.mtimeMs < NAMELESS_MS) return null;
  if (!id.startsWith(idPrefix(installation))) {
    log.warn({ dir, installation: "unknown" }, "sandbox.nameless_left_alone");
    return null;
  }
  const title = `${id} (its sandbox.json is missing or unreadable)`;
  return { run: "unknown", title, locator: { id, dir, uid: data.uid, gid: data.gid }, ownerAlive: false };
}

function refuseForeign({ installation }: Host, id: string, dir: string): void {
  const owner = readRecord(dir)?.labels.installation;
  if (owner === installation || (owner === undefined && id.startsWith(idPrefix(installation)))) return;
  throw new StepError(
    "permanent",
    "SANDBOX_FOREIGN",
    `Sandbox ${id} belongs to another installation of firedrill${owner === undefined ? "" : ` (${owner})`}.`,
    {
      hint: "Run `firedrill clean` with the state directory of that installation.",
    },
  );
}
