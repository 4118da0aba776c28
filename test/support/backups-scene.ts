import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { directorySource } from "../../src/backups/directory/directory-source.ts";
import type { BackupRef } from "../../src/drills/backup-ref.ts";
import type { SandboxRef } from "../../src/drills/sandbox-ref.ts";
import type { BackupSource, Watch } from "../../src/steps/ports/backup-source.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { own, readText, serviceUser, startCluster } from "./backups-cluster.ts";
import { writeManifest } from "./backups-manifest.ts";

/** A healthy backup with a manifest and an archive of some segments beyond its end: what the damages are done to. */
export interface Scene {
  readonly backup: string;
  readonly archive: string;
  /** Segments of the archive from the backup's first on, in order. */
  readonly segments: readonly string[];
  readonly stopLsn: string;
}

export async function makeScene(root: string): Promise<Scene> {
  const backup = join(root, "backup");
  await using cluster = await startCluster(root);
  await cluster.query("create table t as select generate_series(1, 1000) g");
  // Less to copy for every test: nothing here makes databases.
  await cluster.query("update pg_database set datistemplate = false where datname = 'template0'");
  await cluster.query("drop database template0");
  await cluster.backup(backup);
  for (let round = 0; round < 5; round += 1) {
    await cluster.query(`insert into t select generate_series(1, 100)`);
    await cluster.switchWal();
  }
  const { archive } = cluster;
  const history = readdirSync(archive).find((name) => name.endsWith(".backup")) ?? "";
  const text = readText(join(archive, history));
  const start = /START WAL LOCATION: (\S+)/u.exec(text)?.[1] ?? "";
  const stop = /STOP WAL LOCATION: (\S+)/u.exec(text)?.[1] ?? "";
  const [system] = await cluster.query("select system_identifier::text as id from pg_control_system()");
  writeManifest(backup, { systemIdentifier: String(system?.["id"]), walRange: { timeline: 1, start, end: stop } });
  const segments = readdirSync(archive)
    .filter((name) => name.length === 24 && name >= history.slice(0, 24))
    .toSorted();
  return { backup, archive, segments, stopLsn: stop };
}

/** A copy to damage: `backups/one` and `archive`. */
export function copyScene(
  scene: Scene,
  root: string,
): { readonly location: string; readonly backup: string; readonly archive: string } {
  const location = join(root, "backups");
  const backup = join(location, "one");
  const archive = join(root, "wal");
  mkdirSync(location);
  cpSync(scene.backup, backup, { recursive: true });
  const [first = ""] = scene.segments;
  mkdirSync(archive);
  for (const name of readdirSync(scene.archive))
    if (name >= first) cpSync(join(scene.archive, name), join(archive, name));
  return { location, backup, archive };
}

export function source(freeBytes?: number): BackupSource {
  return directorySource({
    clock: systemClock(),
    ...(freeBytes === undefined ? {} : { freeBytes: async () => await Promise.resolve(freeBytes) }),
  });
}

export function quietWatch(signal: AbortSignal = new AbortController().signal): Watch {
  return { signal, progress: () => undefined };
}

/** The folder a restore goes to, and the sandbox it is part of. */
export function makeSandbox(root: string): SandboxRef {
  const dir = join(root, "sandbox");
  mkdirSync(join(dir, "data"), { recursive: true });
  own(dir);
  own(join(dir, "data"));
  return { kind: "process", id: "sandbox-1", dir, port: 5433, fence: "settings", ...serviceUser(), expiresWallUs: 0 };
}

export async function onlyBackup(location: string, wal: string | null): Promise<BackupRef> {
  const { backups, rejected } = await source().list(
    { kind: "directory", path: location, wal },
    new AbortController().signal,
  );
  const [backup] = backups;
  if (backup === undefined) throw new Error(`no backup: ${JSON.stringify(rejected)}`);
  return backup;
}

export function recoverySettings(dataDir: string, lines: Readonly<Record<string, string>>): void {
  const quoted = Object.entries(lines).map(
    ([name, value]) => `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'\n`,
  );
  writeFileSync(join(dataDir, "postgresql.auto.conf"), quoted.join(""), { flag: "a" });
  writeFileSync(join(dataDir, "recovery.signal"), "");
  own(join(dataDir, "recovery.signal"));
}
