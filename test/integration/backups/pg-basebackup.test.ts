import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readControlFile } from "../../../src/formats/postgres/control-file.ts";
import { own, PG15_BIN, run, startCluster, temporaryFolder } from "../../support/backups-cluster.ts";
import { makeSandbox, onlyBackup, quietWatch, source } from "../../support/backups-scene.ts";

const reason = existsSync(join(PG15_BIN, "pg_basebackup")) ? "" : "needs pg_basebackup of PostgreSQL 15";
const FORMATS = [
  ["plain", ["-Fp"]],
  ["tar", ["-Ft"]],
  ["tar-gzip", ["-Ft", "--compress=gzip"]],
  ["tar-lz4", ["-Ft", "--compress=server-lz4"]],
  ["tar-lz4-fetch", ["-Ft", "--compress=client-lz4", "-X", "fetch"]],
  ["tar-zstd", ["-Ft", "--compress=server-zstd", "-X", "none"]],
  ["tar-no-manifest", ["-Ft", "--no-manifest"]],
  ["plain-sha256", ["-Fp", "--manifest-checksums=SHA256"]],
] as const;

describe.skipIf(reason !== "")(
  `backups of the real pg_basebackup [${reason === "" ? "PostgreSQL 15" : reason}]`,
  () => {
    const home = temporaryFolder();
    const location = join(home.path, "backups");
    let archive = "";
    beforeAll(async () => {
      await using cluster = await startCluster(home.path, { bin: PG15_BIN, segmentMb: 1 });
      archive = cluster.archive;
      mkdirSync(location);
      own(location);
      const space = join(home.path, "space");
      mkdirSync(space);
      own(space);
      await cluster.query(`create tablespace extra location '${space}'`);
      await cluster.query("create table spread tablespace extra as select generate_series(1, 20000) g");
      for (const [name, options] of FORMATS) {
        run(join(PG15_BIN, "pg_basebackup"), [
          "-h",
          home.path,
          "-p",
          "5432",
          "-U",
          "postgres",
          "-c",
          "fast",
          "-N",
          "-D",
          join(location, name),
          "-T",
          `${space}=${join(home.path, `space-${name}`)}`,
          ...options,
        ]);
      }
      await cluster.switchWal();
    });
    afterAll(() => home.remove());

    test.each(FORMATS)("%s is listed, restorable, and copied with its tablespace", async (name) => {
      const backup = await onlyBackup(join(location, name), archive);
      expect(backup).toMatchObject({
        id: name,
        major: 15,
        timeline: 1,
        walSegmentBytes: 1024 * 1024,
        format: name.startsWith("plain") ? "plain" : "tar",
        tablespaces: [{ oid: expect.stringMatching(/^\d+$/u) as unknown }],
      });
      expect(backup.stopLsn).not.toBeNull();
      expect(await source().assess(backup, { kind: "latest" }, "latest", new AbortController().signal)).toMatchObject({
        kind: "restorable",
      });
      const folder = temporaryFolder();
      try {
        const { dir, uid, gid } = makeSandbox(folder.path);
        const transfer = await source().fetch(
          backup,
          { dir: join(dir, "data"), tablespaceRoot: join(dir, "spaces"), uid, gid },
          quietWatch(),
        );
        expect(transfer.verifiedFiles > 900).toBe(name !== "tar-no-manifest");
        const control = readControlFile(readFileSync(join(dir, "data", "global", "pg_control")));
        expect(control.systemIdentifier).toBe(backup.systemIdentifier);
        const oid = backup.tablespaces[0]?.oid ?? "";
        expect(readdirSync(join(dir, "data", "pg_tblspc", oid))).toEqual(["PG_15_202209061"]);
        expect(existsSync(join(dir, "data", "tablespace_map"))).toBe(false);
      } finally {
        folder.remove();
      }
    });

    test("pg_control is read as pg_controldata reads it", () => {
      const directory = join(location, "plain");
      const text = run(join(PG15_BIN, "pg_controldata"), [directory]);
      const field = (name: string): string => new RegExp(`^${name}: +(.*)$`, "mu").exec(text)?.[1] ?? "";
      const control = readControlFile(readFileSync(join(directory, "global", "pg_control")));
      expect(control).toMatchObject({
        systemIdentifier: field("Database system identifier"),
        controlVersion: Number(field("pg_control version number")),
        catalogVersion: Number(field("Catalog version number")),
        state: field("Database cluster state"),
        walLevel: field("wal_level setting"),
        walSegmentBytes: Number(field("Bytes per WAL segment")),
        maxConnections: Number(field("max_connections setting")),
        maxWorkerProcesses: Number(field("max_worker_processes setting")),
        maxWalSenders: Number(field("max_wal_senders setting")),
        maxPreparedXacts: Number(field("max_prepared_xacts setting")),
        maxLocksPerXact: Number(field("max_locks_per_xact setting")),
        dataChecksumVersion: Number(field("Data page checksum version")),
        checkpointTimeline: Number(field("Latest checkpoint's TimeLineID")),
      });
    });

    /** A copy of one format, damaged, and what listing or fetching it then says. */
    async function damaged(name: string, damage: (dir: string) => void | Promise<void>): Promise<unknown> {
      const folder = temporaryFolder();
      try {
        const copy = join(folder.path, "backups", name);
        mkdirSync(join(folder.path, "backups"));
        cpSync(join(location, name), copy, { recursive: true });
        await damage(copy);
        const { backups, rejected } = await source().list(
          { kind: "directory", path: join(folder.path, "backups"), wal: archive },
          new AbortController().signal,
        );
        const [backup] = backups;
        if (backup === undefined) return rejected[0];
        const assessment = await source().assess(backup, { kind: "latest" }, "latest", new AbortController().signal);
        if (assessment.kind === "broken") return assessment.problems[0];
        const { dir, uid, gid } = makeSandbox(folder.path);
        return await source()
          .fetch(backup, { dir: join(dir, "data"), tablespaceRoot: join(dir, "spaces"), uid, gid }, quietWatch())
          .catch((error: unknown) => error);
      } finally {
        folder.remove();
      }
    }
    const half = (file: string): void => truncateSync(file, Math.floor(readFileSync(file).length / 2));
    const flip = (file: string): void => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0x55, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 64));
    };
    const space = (dir: string): string => readdirSync(dir).find((name) => /^\d+\.tar/u.test(name)) ?? "";

    test.each([
      [
        "tar",
        "truncated",
        (dir: string) => half(join(dir, "base.tar")),
        /BACKUP_TAR_TRUNCATED|BACKUP_NO_CONTROL|BACKUP_NO_PG_VERSION/u,
      ],
      [
        "tar",
        "without its end mark",
        (dir: string) => truncateSync(join(dir, "base.tar"), readFileSync(join(dir, "base.tar")).length - 1024),
        /BACKUP_TAR_TRUNCATED/u,
      ],
      ["tar-gzip", "truncated", (dir: string) => half(join(dir, "base.tar.gz")), /BACKUP_COMPRESSION/u],
      [
        "tar-gzip",
        "overwritten",
        (dir: string) => flip(join(dir, "base.tar.gz")),
        /BACKUP_COMPRESSION|BACKUP_CHECKSUM|BACKUP_TAR_DAMAGED/u,
      ],
      ["tar-lz4", "truncated", (dir: string) => half(join(dir, "base.tar.lz4")), /BACKUP_COMPRESSION/u],
      [
        "tar-lz4",
        "overwritten",
        (dir: string) => flip(join(dir, "base.tar.lz4")),
        /BACKUP_COMPRESSION|BACKUP_CHECKSUM|BACKUP_TAR_DAMAGED/u,
      ],
      [
        "tar-zstd",
        "truncated",
        (dir: string) => half(join(dir, "base.tar.zst")),
        /BACKUP_COMPRESSION|BACKUP_TAR_TRUNCATED/u,
      ],
      [
        "tar-zstd",
        "overwritten",
        (dir: string) => flip(join(dir, "base.tar.zst")),
        /BACKUP_COMPRESSION|BACKUP_CHECKSUM|BACKUP_TAR_DAMAGED/u,
      ],
      ["tar", "without its tablespace", (dir: string) => rmSync(join(dir, space(dir))), /BACKUP_TAR_MISSING/u],
      ["tar", "without its label's archive", (dir: string) => rmSync(join(dir, "base.tar")), /BACKUP_NOT_ONE/u],
    ] as const)("%s %s is red", async (name, _, damage, code) => {
      expect(await damaged(name, damage)).toMatchObject({ code: expect.stringMatching(code) as unknown });
    });

    test.each([
      ["a path out of the folder", { name: "../evil" }, "leaves the archive"],
      ["an absolute path", { name: "/tmp/fd-evil" }, "is absolute"],
      ["a symbolic link", { name: "evil", type: "symlink", linkname: "/etc/passwd" }, "is a symbolic link"],
      ["a hard link", { name: "evil", type: "link", linkname: "/etc/passwd" }, "is a hard link"],
      ["a device", { name: "evil", type: "character-device", devmajor: 1, devminor: 3 }, "is a device"],
    ] as const)("an archive with %s is refused and writes nothing there", async (_, header, words) => {
      const answer = await damaged("tar-no-manifest", async (dir) => {
        const tablespace = pack();
        if ("type" in header) tablespace.entry(header);
        else tablespace.entry(header, "x");
        tablespace.finalize();
        const chunks: Buffer[] = [];
        // tar-stream's packer yields buffers; its types leave the element open.
        for await (const chunk of tablespace as AsyncIterable<Buffer>) chunks.push(chunk);
        writeFileSync(join(dir, space(dir)), Buffer.concat(chunks));
      });
      expect(answer).toMatchObject({ code: "BACKUP_TAR_ENTRY", message: expect.stringContaining(words) as unknown });
      expect(existsSync("/tmp/fd-evil")).toBe(false);
    });
  },
);
