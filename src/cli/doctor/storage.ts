import { constants } from "node:fs";
import { access, copyFile, mkdtemp, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatBytes } from "../../support/format.ts";
import { type DoctorRow, lacks, less, ok } from "./doctor-row.ts";

/** A copy of a small database with its WAL. */
const LITTLE_BYTES = 1024 ** 3;

/** The state folder, or the folder it would be made in. */
export async function storageRows(stateDir: string): Promise<readonly DoctorRow[]> {
  const dir = await nearestFolder(stateDir);
  const writable = await access(dir, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) {
    return [lacks("state", `${dir} cannot be written to`, "name another place with --state")];
  }
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const space = `${formatBytes(free)} free in ${dir}`;
  return [
    ok("state", dir === stateDir ? dir : `${stateDir}, to be made`),
    free < LITTLE_BYTES ? less("disk", space, "a restore needs the size of the backup and its WAL") : ok("disk", space),
    await reflinkRow(dir),
  ];
}

async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) return path;
  const above = dirname(path);
  return above === path ? path : nearestFolder(above);
}

/** Found out by cloning a small file (ioctl FICLONE). */
async function reflinkRow(dir: string): Promise<DoctorRow> {
  const trial = await mkdtemp(join(dir, ".firedrill-doctor-"));
  try {
    const original = join(trial, "original");
    await writeFile(original, Buffer.alloc(65_536, 1));
    await copyFile(original, join(trial, "clone"), constants.COPYFILE_FICLONE_FORCE);
    return ok("reflink", "files can be cloned without copying");
  } catch {
    return less("reflink", "no: files are copied byte by byte", "Btrfs or XFS would let copies share their blocks");
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}
