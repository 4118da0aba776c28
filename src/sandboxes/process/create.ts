import { chmod, chown, lchown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import type { SandboxLabels } from "../../steps/ports/sandbox.ts";
import { identityOf } from "../../support/process-identity.ts";
import type { Host } from "./host.ts";
import { SERVICE_FOLDERS } from "./layout.ts";
import { type SandboxRecord, writeRecord, writeWatchdog } from "./record.ts";
import { startWatchdog } from "./watchdog.ts";

/** The folder with its label first, so that whatever happens next it is known whose it is; the watchdog last. */
export async function createSandbox(
  host: Host,
  ref: SandboxRef,
  labels: SandboxLabels,
  signal: AbortSignal,
): Promise<void> {
  await makeRoot(host.root());
  await mkdir(ref.dir, { mode: 0o700 });
  const ttlMs = Math.max(1000, Math.ceil((ref.expiresWallUs - host.clock.wallUs()) / 1000));
  await writeRecord(ref.dir, recordOf(host, ref, labels, ttlMs));
  await letServerPass(host, ref);
  for (const name of SERVICE_FOLDERS) await makeServiceFolder(host, ref, join(ref.dir, name));
  const machine = await host.machine(signal);
  const start = { ref, ttlMs, bootId: host.clock.bootId, selfUid: host.self.uid, machine, signal };
  await writeWatchdog(ref.dir, await startWatchdog(start));
  host.log.debug({ sandbox: ref.id, dir: ref.dir, fence: ref.fence, ttlMs }, "sandbox.created");
}

/** Passed through by the service user, listed by nobody; modes are set, because our umask may be stricter. */
async function makeRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o711 });
  await chmod(root, 0o711);
}

/** The folder itself stays ours: a server must not be able to change what says whose it is. */
async function letServerPass({ self }: Host, ref: SandboxRef): Promise<void> {
  if (self.uid === 0) await chown(ref.dir, 0, ref.gid);
  await chmod(ref.dir, 0o710);
}

async function makeServiceFolder({ self }: Host, ref: SandboxRef, path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (self.uid === 0) await lchown(path, ref.uid, ref.gid);
}

function recordOf({ clock, self }: Host, ref: SandboxRef, labels: SandboxLabels, ttlMs: number): SandboxRecord {
  const owner = identityOf(self.pid, clock.bootId) ?? { pid: self.pid, startTicks: 0, bootId: clock.bootId };
  const { id, uid, gid, fence, expiresWallUs } = ref;
  return {
    schemaVersion: "firedrill/sandbox/v1",
    id,
    labels,
    owner,
    uid,
    gid,
    fence,
    ttlMs,
    createdWallUs: clock.wallUs(),
    createdMonoUs: clock.monoUs(),
    expiresWallUs,
  };
}
