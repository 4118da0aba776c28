import { createHash } from "node:crypto";

/** Content of a marker: follows from who it is, so that a row with another content shows. Hexadecimal digits. */
export function payloadOf(id: string, writer: number, seq: number, bytes: number): string {
  if (bytes === 0) return "";
  const hash = createHash("shake256", { outputLength: Math.ceil(bytes / 2) });
  return hash.update(`${id}/${writer}/${seq}`).digest("hex").slice(0, bytes);
}
