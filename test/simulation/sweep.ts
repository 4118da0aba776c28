/** `node test/simulation/sweep.ts <from> <to> [<stop at so many broken>]`: many seeds in this process; the last line is the tally as JSON. */
import { sweep } from "./tally.ts";

const [from, to, stopAt] = process.argv.slice(2).map(Number);
if (from === undefined || to === undefined) {
  process.stderr.write("usage: node test/simulation/sweep.ts <from> <to> [<stop at so many broken>]\n");
  process.exitCode = 2;
} else {
  const tally = await sweep(from, to, 1, stopAt);
  process.stdout.write(`${JSON.stringify(tally)}\n`);
  process.exitCode = tally.brokenInAll === 0 ? 0 : 1;
}
