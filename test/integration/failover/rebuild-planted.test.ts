import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { lchown, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { giveTree } from "../../../src/databases/postgres/rebuild/base-copy.ts";
import { rebuildStep } from "../../../src/steps/postgres/rebuild.ts";
import { runStep } from "../../support/checks-context.ts";
import { failoverContext, failoverDeps, nodeOf, replication } from "../../support/failover-context.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { lacksTool, serviceUser } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;
const SECRET = "only root may read this\n";

/** `b` is promoted, and the old primary has a transaction that `b` does not have. */
async function failOver(ha: HaCluster): Promise<void> {
  await using primary = await ha.session("a");
  await using standby = await ha.session("b");
  await standby.query("alter system set primary_conninfo = ''");
  await standby.query("select pg_reload_conf()");
  for (let cut = false; !cut;) cut = (await standby.query("select from pg_stat_wal_receiver")).length === 0;
  await primary.query("create table orders as select generate_series(1, 1000) as id");
  await ha.cluster.server("a").stop("immediate");
  await replication.promote(ha.system, nodeOf(ha, "b"), signal);
}

const isRoot = serviceUser !== null;

describe.runIf(isRoot)("what a server's user has planted in and beside its data directory", () => {
  test.skipIf(lacksTool("pg_rewind", 15) !== undefined)(
    "a link in pg_wal gives away no file, and a link in place of what is kept overwrites none",
    async () => {
      await using ha = await startHaCluster({ major: 15 });
      await failOver(ha);
      const dataDir = nodeOf(ha, "a").dataDir ?? "";
      const secret = join(ha.dir, "secret");
      writeFileSync(secret, SECRET, { mode: 0o600 });
      // One by the name of a segment to be kept; one where the copy of a real segment will go.
      symlinkSync(secret, join(dataDir, "pg_wal", "0000000100000000000000FF"));
      const kept = `${dataDir}.diverged-run-1`;
      mkdirSync(join(kept, "pg_wal"), { recursive: true });
      symlinkSync(secret, join(kept, "pg_wal", "000000010000000000000003"));
      const { outputs } = await runStep(rebuildStep(failoverDeps(ha)), {}, failoverContext(ha));
      expect(readFileSync(secret, "utf8")).toBe(SECRET);
      expect(statSync(secret).uid).toBe(0);
      for (const name of readdirSync(join(kept, "pg_wal")))
        expect(readFileSync(join(kept, "pg_wal", name)).includes(SECRET)).toBe(false);
      expect(outputs).toMatchObject({ node: "a" });
    },
  );

  test("a link in place of the new copy, or in it, changes the owner of nothing elsewhere", async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-planted-"));
    try {
      const owner = { uid: serviceUser?.uid ?? 0, gid: serviceUser?.gid ?? 0 };
      await mkdir(join(dir, "etc"));
      await writeFile(join(dir, "etc", "passwd"), "root\n");
      const fresh = join(dir, "data.new-run-1");
      await mkdir(join(fresh, "base"), { recursive: true });
      await writeFile(join(fresh, "PG_VERSION"), "18\n");
      await symlink(join(dir, "etc"), join(fresh, "pg_tblspc"));
      await giveTree(fresh, owner);
      expect(["", "base", "PG_VERSION"].map((name) => statSync(join(fresh, name)).uid)).toEqual(
        Array(3).fill(owner.uid),
      );
      expect([join(dir, "etc"), join(dir, "etc", "passwd")].map((path) => statSync(path).uid)).toEqual([0, 0]);

      // Its parent is the server's user's: the copy can be renamed away and a link put there.
      await rename(fresh, join(dir, "elsewhere"));
      await symlink(join(dir, "etc"), fresh);
      await expect(giveTree(fresh, owner)).rejects.toThrow(/ENOTDIR|ELOOP/u);
      expect([join(dir, "etc"), join(dir, "etc", "passwd")].map((path) => statSync(path).uid)).toEqual([0, 0]);

      // Or a folder of their own, in which a name leads to what they may not touch.
      await rm(fresh);
      await mkdir(fresh);
      await lchown(fresh, owner.uid + 1, owner.gid);
      await writeFile(join(fresh, "shadow"), "root\n");
      await expect(giveTree(fresh, owner)).rejects.toThrow(/belongs to user/u);
      expect(statSync(join(fresh, "shadow")).uid).toBe(0);
      expect(dirname(fresh)).toBe(dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
