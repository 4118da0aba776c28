import { rename } from "node:fs/promises";
import { HeldFolder, type Owner } from "../held-folder.ts";
import { readPlainFile } from "../plain-file.ts";
import { quoteSetting } from "../quote.ts";

const AUTO_CONF = "postgresql.auto.conf";
const MAX_BYTES = 4 * 1024 * 1024;
/** The last one of a name counts, and what a former life as a restored copy left would stop a standby half-way. */
const REPLACED = /^\s*(?:primary_conninfo|recovery_target\w*)\s*(?:=|\s)/iu;

/**
 * Makes a data directory a standby's: where it connects to, and `standby.signal`, empty: no later undo of a fence may take it for
 * its own.
 */
export async function makeStandby(dataDir: string, conninfo: string, owner: Owner): Promise<void> {
  await using folder = await HeldFolder.open(dataDir);
  const before = await readPlainFile(folder.path(AUTO_CONF), MAX_BYTES).catch(() => null);
  const lines = (before?.toString("utf8") ?? "").split("\n").filter((line) => line !== "" && !REPLACED.test(line));
  await replace(folder, AUTO_CONF, `${[...lines, `primary_conninfo = ${quoteSetting(conninfo)}`].join("\n")}\n`, owner);
  await replace(folder, "standby.signal", "", owner);
  await folder.remove("recovery.signal");
}

async function replace(folder: HeldFolder, name: string, text: string, owner: Owner): Promise<void> {
  const temporary = `.${name}.firedrill`;
  await folder.remove(temporary);
  await folder.write(temporary, text, owner, 0o600);
  await rename(folder.path(temporary), folder.path(name));
}

/** `primary_conninfo` as `ALTER SYSTEM` wrote it, or null. */
export async function formerConninfo(dataDir: string): Promise<string | null> {
  await using folder = await HeldFolder.open(dataDir);
  const text = await readPlainFile(folder.path(AUTO_CONF), MAX_BYTES).catch(() => null);
  const line = text
    ?.toString("utf8")
    .split("\n")
    .findLast((one) => /^\s*primary_conninfo\s*=/iu.test(one));
  const quoted = /=\s*'((?:[^'\\]|''|\\.)*)'/u.exec(line ?? "")?.[1];
  return quoted === undefined ? null : quoted.replaceAll("''", "'").replace(/\\(.)/gu, "$1");
}
