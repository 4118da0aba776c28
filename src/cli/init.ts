import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { createFileAtomic } from "../support/atomic-file.ts";
import { FiredrillError } from "../support/errors.ts";
import { formatBytes, formatDurationUs, formatWallUs } from "../support/format.ts";
import { readOnlyDrivers, stepCatalogue } from "../wire.ts";
import { settingsFrom } from "./app.ts";
import { requireUsable } from "./init/require-usable.ts";
import { inventoryText, playbookText } from "./init/documents.ts";
import { type LookedAt, lookAtBackups } from "./init/look-at-backups.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, text } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

const FILES = { inventory: "inventory.yaml", playbook: "restore.yaml" } as const;

/** All is looked at and checked before the first byte is written. */
export async function command(io: CliIo, [backups = ""]: readonly string[], options: Options): Promise<number> {
  const system = text(options, "system") ?? "my-database";
  const out = resolve(io.cwd, text(options, "out") ?? ".");
  refuseToOverwrite(io, out);
  const { source, clock } = readOnlyDrivers(settingsFrom(io, options));
  const wal = text(options, "wal");
  const walPath = wal === undefined ? null : resolve(io.cwd, wal);
  const found = await lookAtBackups(source, resolve(io.cwd, backups), walPath, io.interrupted);
  const written = { inventory: inventoryText(system, found.location, out), playbook: playbookText(system) };
  requireUsable({ ...written, system, baseDir: out, catalogue: stepCatalogue() });
  await write(io, out, written);
  const next = nextCommands(io, out, system);
  if (flag(options, "json")) printJson(io, asJson(found, out, next));
  else io.out(`${told(io, found, out, clock.wallUs())}\nnext:\n${next.map((line) => `  ${line}\n`).join("")}`);
  return 0;
}

function refuseToOverwrite(io: CliIo, out: string): void {
  const there = Object.values(FILES).filter((name) => existsSync(join(out, name)));
  if (there.length > 0) throw exists(there.map((name) => shown(io, join(out, name))));
}

function exists(paths: readonly string[]): FiredrillError {
  return new FiredrillError("FILE_EXISTS", `${paths.join(" and ")}: there already`, {
    hint: "move it away, or write elsewhere with --out",
  });
}

async function write(io: CliIo, out: string, texts: Readonly<Record<keyof typeof FILES, string>>): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const [kind, content] of Object.entries(texts)) {
    const path = join(out, kind === "inventory" ? FILES.inventory : FILES.playbook);
    // Somebody may have been quicker than our look: their file stays.
    if (!(await createFileAtomic(path, content, 0o644))) throw exists([shown(io, path)]);
  }
}

function nextCommands(io: CliIo, out: string, system: string): readonly string[] {
  const playbook = shellWord(shown(io, join(out, FILES.playbook)));
  return [
    `firedrill validate ${playbook}`,
    `firedrill plan ${playbook} --system ${system}`,
    `firedrill run ${playbook} --system ${system}`,
  ];
}

function shown(io: CliIo, path: string): string {
  const way = relative(io.cwd, path);
  return way.startsWith("..") ? path : way;
}

function shellWord(word: string): string {
  return /^[\w./+:@%-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

const DAY_US = 86_400_000_000;

function told(io: CliIo, found: LookedAt, out: string, nowWallUs: number): string {
  const [newest] = found.backups;
  const { wal } = found.location;
  const ended = newest.endedWallUs ?? newest.startedWallUs;
  const size = `${newest.format}, ${formatBytes(newest.sizeBytes)}`;
  const when = ended === null ? "time unknown" : `of ${formatWallUs(ended, 0)}`;
  return [
    `wrote ${shown(io, join(out, FILES.inventory))} and ${shown(io, join(out, FILES.playbook))}`,
    `backups: ${found.backups.length}; newest ${oneLine(newest.id)}, PostgreSQL ${newest.major}, ${size}, ${when}`,
    wal === null
      ? "WAL archive: none found; --wal names one. The drill replays what the backup carries"
      : `WAL archive: ${oneLine(shown(io, wal))}${newest.archiveEndLsn === null ? "" : `, up to ${newest.archiveEndLsn}`}`,
    ...found.otherArchives.map((other) => `not taken: ${oneLine(shown(io, other))} holds WAL too`),
    ...found.rejected.map(({ code, reason }) => `not a backup: ${code} ${oneLine(reason)}`),
    ...found.problems.map((problem) => `the drill will fail: ${oneLine(problem)}`),
    "checks look into the database postgres; into another with --param database=<name>",
    ...(ended !== null && nowWallUs - ended > DAY_US && wal === null
      ? [`the backup is ${formatDurationUs(nowWallUs - ended)} old: the RPO of 24h will be missed`]
      : []),
    "",
  ].join("\n");
}

function asJson(
  { location, backups, rejected, otherArchives, problems }: LookedAt,
  out: string,
  next: readonly string[],
) {
  const wrote = Object.values(FILES).map((name) => join(out, name));
  return { wrote, ...location, backups, rejected, otherArchives, problems, next };
}
