import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type DoctorRow, lacks, less, ok } from "./doctor-row.ts";

const NODE_MAJOR = 24;

export function nodeRows(version: string, platform: string): readonly DoctorRow[] {
  const major = Number(/^v(\d+)/u.exec(version)?.[1]);
  const node =
    major >= NODE_MAJOR ? ok("node", version) : lacks("node", version, `install Node.js ${NODE_MAJOR} or newer`);
  // Processes are found, and ended, through /proc.
  const system = platform === "linux" ? ok("system", platform) : lacks("system", platform, "drills run on Linux");
  return [node, system];
}

/** What the watchdog of a sandbox is made of. */
const NEEDED = ["sh", "sleep", "readlink", "rm"] as const;
const USEFUL = [
  ["setpriv", "util-linux; gives servers a user of their own"],
  ["unshare", "util-linux; makes the network fence"],
  ["nsenter", "util-linux; enters the network fence"],
] as const;

export async function toolRows(path: string): Promise<readonly DoctorRow[]> {
  const missing: string[] = [];
  for (const name of NEEDED) if (!(await inPath(name, path))) missing.push(name);
  const rows = [
    missing.length === 0
      ? ok("tools", NEEDED.join(", "))
      : lacks("tools", `missing: ${missing.join(", ")}`, "every sandbox has a watchdog that is made of them"),
  ];
  for (const [name, what] of USEFUL) {
    rows.push((await inPath(name, path)) ? ok(name, "found") : less(name, "not in PATH", `install it: ${what}`));
  }
  return rows;
}

async function inPath(name: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    const found = await access(join(folder, name), constants.X_OK).then(
      () => folder.startsWith("/"),
      () => false,
    );
    if (found) return true;
  }
  return false;
}
