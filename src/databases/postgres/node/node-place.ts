import { realpath, stat } from "node:fs/promises";
import type { NodeSpec } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";

/** A data directory of this machine and whose it is: its server runs as that user. */
export interface NodePlace {
  readonly node: NodeSpec;
  /** Without links. */
  readonly dataDir: string;
  readonly uid: number;
  readonly gid: number;
}

/** Throws `NODE_NOT_LOCAL`. */
export async function nodePlace(node: NodeSpec): Promise<NodePlace> {
  if (node.dataDir === null) throw notLocal(node, "the inventory names no data directory for it");
  const dataDir = await realpath(node.dataDir).catch(() => null);
  const info = dataDir === null ? null : await stat(dataDir).catch(() => null);
  if (dataDir === null || !info?.isDirectory()) {
    throw notLocal(node, `${node.dataDir} is no folder of this machine, or we may not look there`);
  }
  return { node, dataDir, uid: info.uid, gid: info.gid };
}

export function notLocal({ name }: NodeSpec, why: string): StepError {
  return new StepError("permanent", "NODE_NOT_LOCAL", `${name} cannot be acted on from here: ${why}`, {
    hint: "set `dataDir` of the node when this machine runs it, else use command/run with your own tool (ssh, a cloud's API)",
    details: { node: name },
  });
}
