import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RestoreTarget } from "../../../src/backups/directory/restore-target.ts";
import { SpoolFolder } from "../../../src/backups/directory/spool-folder.ts";
import { own, serviceUser, temporaryFolder } from "../../support/backups-cluster.ts";

const isRoot = process.geteuid?.() === 0;
const user = serviceUser();
let folder: ReturnType<typeof temporaryFolder>;
/** A folder of root, where a server must never make us write. */
let rootsOwn: string;

beforeEach(() => {
  folder = temporaryFolder();
  rootsOwn = join(folder.path, "roots-own");
  mkdirSync(rootsOwn);
  chmodSync(rootsOwn, 0o755);
});
afterEach(() => folder.remove());

/** What a server that was taken over could do, as its user. */
function asServer(script: string): boolean {
  const env = { PATH: "/usr/bin:/bin" };
  return spawnSync("/bin/sh", ["-c", script, "sh", folder.path, rootsOwn], { ...user, env }).status === 0;
}

function serversFolder(name: string): string {
  const dir = join(folder.path, name);
  mkdirSync(dir, { mode: 0o700 });
  own(dir);
  return dir;
}

test.skipIf(!isRoot)("a server cannot make us write elsewhere through the spool [needs root]", () => {
  const spool = new SpoolFolder(serversFolder("spool"), user);
  spool.open(process.pid);
  for (const name of ["absent", "incoming", "ready"]) {
    expect(asServer(`cd "$1/spool" && mv ${name} gone && ln -s "$2" ${name}`)).toBe(false);
  }
  spool.answerAbsent("ld.so.preload");
  expect(readdirSync(rootsOwn)).toEqual([]);
});

test.skipIf(!isRoot)("what restore_command does still works for the server's user [needs root]", () => {
  const spool = new SpoolFolder(serversFolder("spool"), user);
  spool.open(process.pid);
  spool.answerAbsent("00000002.history");
  expect(asServer(`cd "$1/spool" && read -r pid < feed && : > request/a && rm absent/00000002.history`)).toBe(true);
  expect(spool.takeRequests()).toEqual(["a"]);
});

test.skipIf(!isRoot)("a server cannot reach into its folders before they are complete [needs root]", () => {
  const target = new RestoreTarget(
    { dir: serversFolder("data"), tablespaceRoot: serversFolder("tablespaces"), ...user },
    0,
  );
  target.prepare();
  target.makeFolder("base");
  target.makeFolder("pg_tblspc/16400/PG_18_202506291");
  expect(asServer(`cd "$1/data" && mv base gone && ln -s "$2" base`)).toBe(false);
  expect(asServer(`cd "$1/tablespaces/16400" && mv PG_18_202506291 gone && ln -s "$2" PG_18_202506291`)).toBe(false);
  target.makeFolder("base/1");
  target.finish();
  expect(existsSync(join(rootsOwn, "1"))).toBe(false);
  for (const name of ["data", "tablespaces"]) {
    const { uid, mode } = lstatSync(join(folder.path, name));
    expect([uid, mode & 0o777]).toEqual([user.uid, 0o700]);
  }
  expect(asServer(`test -d "$1/data/pg_tblspc/16400/PG_18_202506291"`)).toBe(true);
});
