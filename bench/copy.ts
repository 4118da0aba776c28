/**
 * Copies the same plain base backup with our `fetch` (every file checked against its manifest) and with `cp -a`, in
 * pairs, and prints the ratios.
 *
 *   node bench/copy.ts                 makes a backup of about 1 GB below the temporary folder
 *   node bench/copy.ts <plain backup>  uses one that is there
 *   node bench/copy.ts --mb 200 --pairs 3
 */
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { directorySource } from "../src/backups/directory/directory-source.ts";
import { systemClock } from "../src/support/system-clock.ts";
import { own, serviceUser, startCluster } from "../test/support/backups-cluster.ts";
import { writeManifest } from "../test/support/backups-manifest.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { mb: { type: "string", default: "1000" }, pairs: { type: "string", default: "5" } },
});
const folder = mkdtempSync(join(tmpdir(), "fd-bench-"));
own(folder);
try {
  const backup = positionals[0] ?? (await makeBackup(folder, Number(values.mb)));
  await compare(backup, folder, Number(values.pairs));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function compare(backup: string, root: string, pairs: number): Promise<void> {
  const source = directorySource({ clock: systemClock() });
  const signal = new AbortController().signal;
  const { backups, rejected } = await source.list({ kind: "directory", path: backup, wal: null }, signal);
  const [found] = backups;
  if (found === undefined) throw new Error(rejected.map((one) => `${one.code} ${one.reason}`).join("\n"));
  process.stdout.write(`${found.path}: ${found.files} files, ${(found.sizeBytes / 1e6).toFixed(0)} MB\n`);
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = pair % 2 === 0 ? (["cp", "fetch"] as const) : (["fetch", "cp"] as const);
    const seconds = { cp: 0, fetch: 0 };
    for (const way of order) {
      const into = join(root, "copy");
      // Dirty pages of the copy before would otherwise be written back during this one.
      spawnSync("sync");
      const begin = process.hrtime.bigint();
      if (way === "cp") spawnSync("cp", ["-a", backup, into], { stdio: "inherit" });
      else {
        mkdirSync(into);
        await source.fetch(
          found,
          { dir: into, tablespaceRoot: `${into}-tablespaces`, ...serviceUser() },
          { signal, progress: () => undefined },
        );
      }
      seconds[way] = Number(process.hrtime.bigint() - begin) / 1e9;
      rmSync(into, { recursive: true, force: true });
    }
    ratios.push(seconds.fetch / seconds.cp);
    process.stdout.write(
      `pair ${pair + 1}: cp -a ${seconds.cp.toFixed(3)} s, fetch ${seconds.fetch.toFixed(3)} s, ratio ${(seconds.fetch / seconds.cp).toFixed(3)}\n`,
    );
  }
  const sorted = ratios.toSorted((a, b) => a - b);
  process.stdout.write(
    `ratio fetch / cp -a: median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(3)}, ${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)}\n`,
  );
}

/** A real backup of a fresh cluster, grown by files as relations have them: segments, and many small ones. */
async function makeBackup(root: string, megabytes: number): Promise<string> {
  const backup = join(root, "backup");
  {
    await using cluster = await startCluster(root);
    await cluster.backup(backup);
  }
  const database = join(backup, "base", "1");
  const block = Buffer.allocUnsafe(4 * 1024 * 1024);
  randomFillSync(block);
  for (let left = megabytes, number = 70_000; left > 0; number += 1) {
    const size = Math.min(left, number % 2 === 0 ? 256 : 32);
    const file = openSync(join(database, String(number)), "wx");
    for (let written = 0; written < size; written += 4) writeSync(file, block);
    closeSync(file);
    writeFileSync(join(database, `${number}_fsm`), block.subarray(0, 24_576));
    left -= size;
  }
  writeManifest(backup);
  return backup;
}
