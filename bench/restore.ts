/**
 * The whole drill (find, copy with checksums, replay, checks, cleanup; the start of the program included) against a shell script
 * with `cp -a`, recovery settings and `psql`: same backup, same server, same checks, in turn. Ratios count, seconds do not.
 *
 *   npm run build && node bench/restore.ts [--scale 64] [--pairs 5]
 *
 * Scale is pgbench's: 64 is about 1 GB, 3 about 50 MB.
 */
import { execFile, spawn } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { createPgbenchLab, inventoryText, median, type PgbenchLab } from "./support/pgbench-lab.ts";

const { values: options } = parseArgs({
  options: { scale: { type: "string", default: "64" }, pairs: { type: "string", default: "5" } },
});
const cli = new URL("../dist/cli.js", import.meta.url).pathname;
const fixtures = new URL("fixtures/", import.meta.url).pathname;

using lab = await createPgbenchLab(Number(options.scale));
const inventory = join(lab.dir, "inventory.yaml");
writeFileSync(inventory, inventoryText(lab));
console.log(
  `backup ${await megabytes(join(lab.backupDir, "base"))} MB, archive ${await megabytes(lab.archiveDir)} MB, server ${lab.bin}`,
);

const rows: { readonly hand: number; readonly drill: number; readonly rta: number }[] = [];
for (let pair = 0; pair <= Number(options.pairs); pair += 1) {
  // Alternating order, so that a drift of the machine falls on both; the first pair warms the caches and is not counted.
  const first = pair % 2 === 0;
  const early = first ? await byHand(lab) : null;
  const drill = await byDrill(lab);
  const hand = early ?? (await byHand(lab));
  console.log(
    `${pair === 0 ? "warm-up" : `pair ${pair} `}  by hand ${hand.toFixed(2)} s  drill ${drill.total.toFixed(2)} s  (T6-T0 ${drill.rta.toFixed(2)} s)  ratio ${(drill.total / hand).toFixed(3)}  difference ${(drill.total - hand).toFixed(2)} s`,
  );
  if (pair > 0) rows.push({ hand, drill: drill.total, rta: drill.rta });
}
const ratios = rows.map((row) => row.drill / row.hand);
console.log(
  `median  by hand ${median(rows.map((row) => row.hand)).toFixed(2)} s  drill ${median(rows.map((row) => row.drill)).toFixed(2)} s  ratio ${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})  difference ${median(rows.map((row) => row.drill - row.hand)).toFixed(2)} s  n=${rows.length}`,
);

async function byHand({ dir, bin, backupDir, archiveDir, user }: PgbenchLab): Promise<number> {
  const work = join(dir, "by-hand");
  mkdirSync(work);
  if (user !== null) chownSync(work, user.uid, user.gid);
  const seconds = await timed(
    "sh",
    [join(fixtures, "restore-by-hand.sh"), bin, join(backupDir, "base"), archiveDir, work, "54999"],
    user ?? {},
  );
  rmSync(work, { recursive: true });
  return seconds;
}

async function byDrill({ dir, bin }: PgbenchLab): Promise<{ total: number; rta: number }> {
  const state = join(dir, "state");
  const args = [
    cli,
    "run",
    join(fixtures, "restore.yaml"),
    "--inventory",
    inventory,
    "--system",
    "bench",
    "--state",
    state,
    "--pg-bin",
    bin,
    "--json",
  ];
  const out = join(dir, "drill.json");
  const total = await timed("sh", ["-c", 'out=$1; shift; exec "$@" >"$out"', "sh", out, process.execPath, ...args], {});
  const result: unknown = JSON.parse(readFileSync(out, "utf8"));
  rmSync(state, { recursive: true });
  return { total, rta: microsecondsOf(result) / 1e6 };
}

/** T6 - T0 of a result document. */
function microsecondsOf(result: unknown): number {
  // Our own `result.json`, whose schema the tests check.
  const { durations } = result as { durations: { rtaTotal: { valueUs: number } } };
  return durations.rtaTotal.valueUs;
}

function timed(program: string, args: readonly string[], user: { uid?: number; gid?: number }): Promise<number> {
  const start = process.hrtime.bigint();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...user, stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code) =>
      code === 0
        ? resolve(Number(process.hrtime.bigint() - start) / 1e9)
        : reject(new Error(`${program} ${args[0] ?? ""} exited with ${code}`)),
    );
  });
}

async function megabytes(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)("du", ["-sm", path]);
  return stdout.split("\t")[0] ?? "?";
}
