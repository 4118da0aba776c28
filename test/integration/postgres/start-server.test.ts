import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { initCluster } from "../../../src/databases/postgres/lab/init-cluster.ts";
import { startServer } from "../../../src/databases/postgres/lab/start-server.ts";
import { readPostmasterFile } from "../../../src/databases/postgres/postmaster-file.ts";
import { findProcesses, killFound } from "../../../src/support/processes.ts";
import { openSession, own, serviceUser, testFolder, testBinaries } from "../../support/pg-machine.ts";

const signal = AbortSignal.timeout(60_000);

test("what a killed server wrote of itself is not taken for the one that is started in its place", async () => {
  await using folder = await testFolder();
  const base = join(folder.dir, "server");
  await mkdir(base);
  await own(base);
  const dataDir = join(base, "data");
  const binaries = await testBinaries().forMajor(18, signal);
  const cluster = { binaries, dataDir, user: serviceUser, superuser: "postgres", signal };
  await initCluster({ ...cluster, password: null });
  const places = { socketDir: join(base, "socket"), logPath: join(base, "log"), archiveDir: null };
  const start = () => startServer({ ...cluster, ...places, port: 0, settings: { fsync: "off" } });

  const first = await start();
  const uid = serviceUser?.uid ?? process.getuid?.() ?? 0;
  while (findProcesses({ dir: dataDir, marker: null, uid }).found.map(killFound).length > 0);
  expect(await readPostmasterFile(dataDir)).toMatchObject({ pid: first.pid, status: "ready" });

  await using second = await start();
  await using session = await openSession(second.database);
  expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: false }]);
});
