/** `node test/simulation/replay.ts <seed>`: one seed once more, with all that happened in it. */
import { simulate } from "./simulate.ts";

const seed = Number(process.argv[2]);
if (!Number.isSafeInteger(seed)) {
  process.stderr.write("usage: node test/simulation/replay.ts <seed>\n");
  process.exitCode = 2;
} else {
  const report = await simulate(seed, (line) => process.stdout.write(`${line}\n`));
  const { violation, stack, records, lives, turns, verdict } = report;
  process.stdout.write(
    `\nseed ${seed}: ${records} records, ${lives} lives, ${turns} turns, verdict ${verdict ?? "none"}\n`,
  );
  if (violation !== null) process.stdout.write(`BROKEN: ${violation}\n${stack ?? ""}\n`);
  process.exitCode = violation === null ? 0 : 1;
}
