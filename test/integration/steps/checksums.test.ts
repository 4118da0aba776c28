import { appendFile, chown, mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPageVerifier } from "../../../src/databases/postgres-content/verify-pages.ts";
import type { SandboxRef } from "../../../src/drills/sandbox-ref.ts";
import { checksumsStep } from "../../../src/steps/postgres/checksums.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runCheck } from "../../support/checks-context.ts";
import { overwrite, relationFile } from "../../support/checks-damage.ts";
import { type ChecksLab, labUser, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
let spaceFile: string;
beforeAll(async () => {
  lab = await startChecksLab();
  const space = join(lab.dir, "space");
  await mkdir(space);
  if (labUser !== null) await chown(space, labUser.uid, labUser.gid);
  await lab.sql(`create tablespace other location '${space}'`);
  await lab.sql(`create table orders as select g as id, repeat('x', 200) as note from generate_series(1, 5000) g;
    create table elsewhere tablespace other as select generate_series(1, 5000) as id;
    create unlogged table fast (id int)`);
  spaceFile = await relationFile(lab, "elsewhere");
});
afterAll(() => lab[Symbol.asyncDispose]());

const sandbox = (dir = lab.dir): SandboxRef => ({
  kind: "process",
  id: "s",
  dir,
  port: 1,
  fence: "settings",
  uid: 1,
  gid: 1,
  expiresWallUs: 1,
});
const check = (dir?: string) =>
  runCheck(checksumsStep({ sessions: lab.sessions, pages: createPageVerifier({ clock: systemClock() }) }), {
    on: lab.database(),
    sandbox: sandbox(dir),
  });

/** Turns one bit, looks, and turns it back. */
async function withFlippedBit<T>(file: string, offset: number, look: () => Promise<T>): Promise<T> {
  const path = join(lab.dataDir, file);
  const before = (await readFile(path)).subarray(offset, offset + 1);
  await overwrite(lab.dataDir, file, offset, Buffer.of((before[0] ?? 0) ^ 1));
  try {
    return await look();
  } finally {
    await overwrite(lab.dataDir, file, offset, before);
  }
}

describe("postgres/checksums", () => {
  test("agrees with the server on every page of a running cluster, tablespaces included", async () => {
    const found = await check();
    expect(found).toMatchObject({ passed: true, outputs: { bad: 0 }, coverage: { unit: "pages" } });
    // Template, catalogs and ours: far more than our two tables alone.
    expect(found.outputs.pages).toBeGreaterThan(1500);
  });

  test.each([
    ["in the middle of a page", 8192 * 3 + 4321, 3],
    ["in a page's header", 8192 * 2 + 3, 2],
    ["in the checksum itself", 8192 + 8, 1],
    ["in a page's last byte", 8191, 0],
  ])("one flipped bit %s turns it red and names table and block", async (_where, offset, block) => {
    const file = await relationFile(lab, "orders");
    const found = await withFlippedBit(file, offset, () => check());
    expect(found).toMatchObject({ passed: false, outputs: { bad: 1 } });
    expect(found.actual).toContain(`${file} block ${block} (public.orders)`);
  });

  test("sees a page of a tablespace, a page in the wrong place, and a page that is cut off", async () => {
    expect(await withFlippedBit(spaceFile, 5000, () => check())).toMatchObject({ passed: false });
    const file = await relationFile(lab, "fast");
    // A good page of block 0, appended as block 1 of another table, is not good there.
    const orders = await relationFile(lab, "orders");
    const page = (await readFile(join(lab.dataDir, orders))).subarray(0, 8192);
    await appendFile(join(lab.dataDir, file), Buffer.alloc(8192));
    expect(await check()).toMatchObject({ passed: true });
    await appendFile(join(lab.dataDir, file), page);
    expect((await check()).actual).toContain(`${file} block 1 (public.fast)`);
    await truncate(join(lab.dataDir, file), 8192 + 100);
    expect((await check()).actual).toContain("block 1 (public.fast): cut off");
    await truncate(join(lab.dataDir, file), 0);
    expect(await check()).toMatchObject({ passed: true });
  });

  test("counts block numbers on through a relation's segments", async () => {
    const dir = join(lab.dir, "segments");
    await mkdir(join(dir, "base/5"), { recursive: true });
    const orders = await relationFile(lab, "orders");
    const pages = await readFile(join(lab.dataDir, orders));
    // The relation's pages as if a segment ended after four.
    await writeFile(join(dir, "base/5/1"), pages.subarray(0, 4 * 8192));
    await writeFile(join(dir, "base/5/1.1"), pages.subarray(4 * 8192, 8 * 8192));
    await writeFile(join(dir, "base/5/1.2"), pages.subarray(0, 8192));
    await writeFile(join(dir, "base/5/pg_filenode.map"), "no pages");
    const report = await createPageVerifier({ clock: systemClock() }).verify(
      { dataDir: dir, root: lab.dir, blockBytes: 8192, segmentBlocks: 4 },
      { signal: new AbortController().signal, progress: () => undefined },
    );
    expect(report).toMatchObject({
      files: 3,
      pages: 9,
      badCount: 1,
      bad: [{ file: "base/5/1.2", block: 8, reason: "checksum" }],
    });
  });

  test("does not leave the sandbox", async () => {
    await expect(check("/some/other/sandbox")).rejects.toMatchObject({ code: "CHECKSUMS_OUTSIDE" });
    const link = join(lab.dataDir, "pg_tblspc/99");
    await symlink("/", link);
    try {
      await expect(check()).rejects.toMatchObject({ code: "CHECKSUMS_OUTSIDE" });
    } finally {
      await rm(link);
    }
  });

  test("a folder without a page is an error, and so is a cluster without checksums", async () => {
    const pages = { verify: async () => ({ files: 0, pages: 0, bytes: 0, durationUs: 1, bad: [], badCount: 0 }) };
    await expect(
      runCheck(checksumsStep({ sessions: lab.sessions, pages }), { on: lab.database(), sandbox: sandbox() }),
    ).rejects.toMatchObject({ code: "CHECKSUMS_NOTHING" });
    await using plain = await startChecksLab({}, ["--no-data-checksums"]);
    const step = checksumsStep({ sessions: plain.sessions, pages: createPageVerifier({ clock: systemClock() }) });
    await expect(runCheck(step, { on: plain.database(), sandbox: sandbox(plain.dir) })).rejects.toMatchObject({
      code: "CHECKSUMS_OFF",
    });
  });

  test("stays green while the server writes the pages it reads", async () => {
    await using writer = await lab.session();
    const stop = new AbortController();
    const rounds = (async () => {
      while (!stop.signal.aborted) {
        await writer.query("update orders set note = md5(random()::text) where id % 7 = 0");
        await writer.query("checkpoint");
      }
    })();
    const found = [await check(), await check(), await check()];
    stop.abort();
    await rounds;
    expect(found.map(({ passed }) => passed)).toEqual([true, true, true]);
  });
});
