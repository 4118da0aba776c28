import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServiceUser } from "./service-user.ts";

/** Can that user come to this file? Looks at the execute bit of every folder on the way and at the file's read bit. */
export async function canReach(path: string, user: ServiceUser | null): Promise<boolean> {
  return user === null || ((await permits(path, user, 0o5)) && (await canEnter(dirname(path), user)));
}

/** Can that user enter this folder, or, where it does not exist yet, the one it would be made in? */
export async function canEnter(folder: string, user: ServiceUser | null): Promise<boolean> {
  if (user === null) return true;
  let existing = folder;
  while ((await stat(existing).catch(() => null)) === null && existing !== dirname(existing))
    existing = dirname(existing);
  for (let dir = existing; ; dir = dirname(dir)) {
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
