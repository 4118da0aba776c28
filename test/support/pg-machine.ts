import { readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBinaries } from "../../src/databases/postgres/binaries.ts";
import type { ServiceUser } from "../../src/databases/postgres/service-user.ts";
import { createSessions } from "../../src/databases/postgres/sessions.ts";
import type { DatabaseRef } from "../../src/drills/database-ref.ts";
import type { Binaries, Session } from "../../src/steps/ports/postgres.ts";
import type { Clock } from "../../src/support/clock.ts";

/** Who servers of a test run as: nobody special, or, when the tests run as root, an unprivileged user of the machine. */
export const serviceUser: ServiceUser | null = process.getuid?.() === 0 ? unprivileged() : null;

function unprivileged(): ServiceUser {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const line =
    lines.find((entry) => entry.startsWith("postgres:")) ?? lines.find((entry) => entry.startsWith("nobody:")) ?? "";
  const [, , uid, gid] = line.split(":").map(Number);
  return { uid: uid ?? 65_534, gid: gid ?? 65_534 };
}

export const sandboxIds = serviceUser ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const require = createRequire(import.meta.url);

export function resolvePackage(name: string): string | null {
  try {
    return require.resolve(name);
  } catch {
    return null;
  }
}

/** The npm server first, then what the system has: the same search as in production, without the machine's PATH. */
export function testBinaries(): Binaries {
  return createBinaries({
    option: null,
    configured: [],
    path: "",
    npm: {
      resolve: resolvePackage,
      platform: process.platform,
      arch: process.arch,
      serviceUser,
      cacheDir: join(tmpdir(), `firedrill-test-postgres-${process.getuid?.() ?? 0}`),
    },
  });
}

const installed = await testBinaries().all(new AbortController().signal);

/** Majors with a server on this machine. */
export const majors: readonly number[] = [...new Set(installed.map(({ major }) => major))].toSorted((a, b) => b - a);

/** Reason to skip a test that needs a tool beside the server, or undefined. */
export function lacksTool(tool: string, major?: number): string | undefined {
  const found = installed.some(
    (binaries) => binaries.tools.has(tool) && (major === undefined || binaries.major === major),
  );
  return found ? undefined : `no ${tool} on this machine`;
}

/** A folder that the service user can enter, removed at the end. */
export async function testFolder(): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-pg-"));
  await chmod(dir, 0o755);
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

export async function own(path: string): Promise<void> {
  if (serviceUser !== null) await chown(path, serviceUser.uid, serviceUser.gid);
}

export const clock: Clock = {
  monoUs: () => Math.round(performance.now() * 1000),
  wallUs: () => Date.now() * 1000,
  bootId: "test",
};

export const sessions = createSessions({
  secret: async (ref) => (await readFile(ref.replace(/^file:/u, ""), "utf8")).trim(),
});

export function openSession(
  database: DatabaseRef,
  signal: AbortSignal = new AbortController().signal,
): Promise<Session> {
  return sessions.open(database, { readOnly: false, statementTimeoutMs: 30_000, connectTimeoutMs: 5000, signal });
}

export const quiet = { signal: new AbortController().signal, progress: () => undefined };
