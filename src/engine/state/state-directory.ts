import { chmod, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { createFileAtomic } from "../../support/atomic-file.ts";
import { FiredrillError } from "../../support/errors.ts";
import { isRunId, newInstallationId, type RandomBytes } from "../../support/ids.ts";
import { type StateFiles, systemFiles } from "./state-files.ts";

/**
 * Where everything is kept between processes. Layout in docs/state.md. Folders are 0700 and files 0600; the root and
 * `sandboxes` let others pass (0711), because a sandbox's server runs as another user and must reach its own folder.
 */
export interface StateDirectory {
  readonly root: string;
  /** Identity of this directory; every resource we make bears it. */
  readonly installation: string;
}

const installationSchema = z.object({ schemaVersion: z.string(), id: z.string().regex(/^[\w-]{4,64}$/u) });
const INSTALLATION_VERSION = "firedrill/installation/v1";

/** Opens a state directory, making it when it is not there. Throws `STATE_VERSION`, `STATE_UNREADABLE`. */
export async function openState(dir: string, random: RandomBytes): Promise<StateDirectory> {
  const root = resolve(dir);
  await makeFolder(root, 0o711);
  await makeFolder(runsDir(root), 0o700);
  await makeFolder(join(root, "sandboxes"), 0o711);
  const known = await readInstallation(root);
  if (known !== null) return { root, installation: known };
  const document = { schemaVersion: INSTALLATION_VERSION, id: newInstallationId(random) };
  // Read back: when two processes made it at once, the first one's is the one that stays.
  await createFileAtomic(installationPath(root), `${JSON.stringify(document, null, 2)}\n`);
  return { root, installation: (await readInstallation(root)) ?? "" };
}

export function runsDir(root: string): string {
  return join(root, "runs");
}

/** Throws `RUN_ID` for a text that is none: ids become paths. */
export function runDir(root: string, runId: string): string {
  if (isRunId(runId)) return join(runsDir(root), runId);
  throw new FiredrillError("RUN_ID", `${JSON.stringify(runId.slice(0, 64))} is not a run's id.`, {
    hint: "`firedrill list` shows the runs; an id looks like 20261121-031500-k3f9.",
  });
}

/** Reads a JSON document we wrote: null when it is not there. Throws `STATE_VERSION` for a version we do not know. */
export async function readDocument<T>(
  path: string,
  version: string,
  schema: z.ZodType<T>,
  files: StateFiles = systemFiles,
): Promise<T | null> {
  const bytes = await files.read(path);
  if (bytes === null) return null;
  const value = parsed(Buffer.from(bytes).toString("utf8"), path);
  const found = z.object({ schemaVersion: z.string() }).safeParse(value).data?.schemaVersion;
  if (found !== version) {
    throw new FiredrillError(
      "STATE_VERSION",
      `${path} has version ${found ?? "none"}; this program reads ${version}.`,
      {
        hint: "Use the version of Firedrill that wrote it, or another --state directory.",
      },
    );
  }
  const document = schema.safeParse(value);
  if (document.success) return document.data;
  throw unreadable(path, z.prettifyError(document.error));
}

async function readInstallation(root: string): Promise<string | null> {
  return (await readDocument(installationPath(root), INSTALLATION_VERSION, installationSchema))?.id ?? null;
}

function installationPath(root: string): string {
  return join(root, "installation.json");
}

/** `mkdir` is subject to the umask, which may be stricter or looser than what we promise. */
async function makeFolder(path: string, mode: number): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode });
  if (made !== undefined) await chmod(path, mode);
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(path, String(error));
  }
}

function unreadable(path: string, reason: string): FiredrillError {
  return new FiredrillError("STATE_UNREADABLE", `${path} cannot be read: ${reason}`, {
    hint: "Restore it from a copy, or use another --state directory.",
  });
}
