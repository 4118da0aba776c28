import { inWords, missing, sweep } from "./tally.ts";

/** `FIREDRILL_SIM_SEEDS` of a test run, all files together. */
export function seedsAsked(otherwise: number): number {
  const asked = Number(process.env["FIREDRILL_SIM_SEEDS"] ?? otherwise);
  if (Number.isSafeInteger(asked) && asked > 0) return asked;
  throw new RangeError("FIREDRILL_SIM_SEEDS is a number of seeds");
}

export interface Swept {
  readonly words: string;
  readonly broken: readonly { readonly seed: number; readonly promise: string }[];
  /** What happened too seldom for the sweep to mean something; of a quick look at fewer seeds nothing is asked. */
  readonly tooSeldom: readonly string[];
}

/** Every second seed of `verify`, from 0 or from 1: two files, so that two workers share them. Prints its figures. */
export async function sweepEverySecond(first: 0 | 1): Promise<Swept> {
  const seeds = seedsAsked(10_000);
  const begun = performance.now();
  const tally = await sweep(first, seeds, 2);
  const words = inWords(tally, (performance.now() - begun) / 1000);
  process.stdout.write(`\n${words}\n`);
  return { words, broken: tally.broken, tooSeldom: seeds < 10_000 ? [] : missing(tally, 1) };
}
