import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServiceUser } from "./service-user.ts";

/** Can that user come to this file? Looks at the execute bit of every folder on the way and at the file's read bit. */
export async function canReach(path: string, user: ServiceUser | null): Promise<boolean> {
  if (user === null) return true;
  if (!(await permits(path, user, 0o5))) return false;
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if (!(await permits(dir, user, 0o1))) return false;
    if (dir === dirname(dir)) return true;
  }
}

async function permits(path: string, user: ServiceUser, bits: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  if (info === null) return false;
  const shift = info.uid === user.uid ? 6 : info.gid === user.gid ? 3 : 0;
  return ((info.mode >> shift) & bits) === bits;
}
