import { createHash } from "node:crypto";

/** Numbers in [0, 1) that follow from the words alone: the same choices in a replay, others for each step and attempt. */
export function seededRandom(...words: readonly (string | number)[]): () => number {
  const base = JSON.stringify(words);
  let count = 0;
  return () => {
    const digest = createHash("sha256").update(`${base}/${count}`).digest();
    count += 1;
    return digest.readUIntBE(0, 6) / 2 ** 48;
  };
}
