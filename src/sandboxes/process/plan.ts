import { createServer } from "node:net";
import { join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { SandboxRequest } from "../../steps/ports/sandbox.ts";
import type { Host } from "./host.ts";
import { idPrefix } from "./layout.ts";
import { portOf } from "./probe.ts";
import { serviceUser } from "./service-user.ts";

const INSPECT_MS = 30_000;

/** Chooses everything, makes nothing. */
export async function planSandbox(host: Host, request: SandboxRequest, newId: string): Promise<SandboxRef> {
  const { uid, gid } = serviceUser(host.self);
  const { namespaceRefused } = await host.machine(AbortSignal.timeout(INSPECT_MS));
  const fence = chooseFence(request.fence, namespaceRefused);
  const id = `${idPrefix(host.installation)}${newId}`;
  const expiresWallUs = host.clock.wallUs() + request.ttlMs * 1000;
  host.log.debug({ sandbox: id, fence, namespaceRefused }, "sandbox.planned");
  return { kind: "process", id, dir: join(host.root(), id), port: await freePort(), fence, uid, gid, expiresWallUs };
}

function chooseFence(wanted: SandboxRequest["fence"], refused: string | null): SandboxRef["fence"] {
  if (wanted === "settings") return "settings";
  if (refused === null) return "network-namespace";
  if (wanted === "auto") return "settings";
  throw new StepError("permanent", "SANDBOX_FENCE", `This machine gives no network namespace: ${refused}.`, {
    hint: "Use `fence: auto` (then the probes decide), run as root, or allow user namespaces for this user.",
  });
}

/** Free at this moment; the database part takes another when somebody is quicker. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
