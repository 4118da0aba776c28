import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { inventoryText, playbookText } from "../../../src/cli/init/documents.ts";
import { requireUsable } from "../../../src/cli/init/require-usable.ts";
import { findWalArchives, holdsSegments } from "../../../src/cli/init/wal-archives.ts";
import { loadInventory } from "../../../src/drills/load-inventory.ts";
import { stepCatalogue } from "../../../src/wire.ts";

const catalogue = stepCatalogue();
const location = (path: string, wal: string | null) => ({ kind: "directory", path, wal }) as const;

describe("the inventory that init writes", () => {
  test.each([
    ["a plain path", "/srv/backups", "/srv/wal"],
    ["a path below the file", "/srv/here/backups", "/srv/here/wal"],
    ["blanks and marks", "/srv/my: backups #1", "/srv/- wal & more"],
    ["quotes", `/srv/it's "here"`, "/srv/`wal`"],
    ["what reads as something else", "/srv/here/true", "/srv/here/0x1"],
    ["other scripts", "/srv/резервные копии", "/srv/備份"],
    ["a very long path", `/srv/${"long/".repeat(100)}`.slice(0, -1), null],
    ["no archive", "/srv/backups", null],
  ])("names %s so that it is read back as it is", (_, path, wal) => {
    const text = inventoryText("orders", location(path, wal), "/srv/here");
    const parsed = loadInventory({ file: "inventory.yaml", text, baseDir: "/srv/here" });
    expect(parsed).toMatchObject({ kind: "ok", value: { systems: [{ name: "orders", backups: [{ path, wal }] }] } });
    requireUsable({
      inventory: text,
      playbook: playbookText("orders"),
      system: "orders",
      baseDir: "/srv/here",
      catalogue,
    });
    expect(text).toContain("# endpoints:");
  });

  test.each([
    ["a template", "/srv/${{ params.x }}", "INIT_PATH"],
    ["a control character", "/srv/a\u0007b", "INIT_PATH"],
    ["a character that reorders text", "/srv/a\u202Eb", "INIT_PATH"],
  ])("%s in a path is refused", (_, path, code) => {
    const inventory = inventoryText("orders", location(path, null), "/work");
    const check = { inventory, playbook: playbookText("orders"), system: "orders", baseDir: "/work", catalogue };
    expect(() => requireUsable(check)).toThrow(expect.objectContaining({ code }));
  });

  test("the longest name makes a playbook too", () => {
    const system = "a".repeat(63);
    const inventory = inventoryText(system, location("/srv/b", null), "/work");
    const check = { inventory, playbook: playbookText(system), system, baseDir: "/work", catalogue };
    expect(() => requireUsable(check)).not.toThrow();
  });

  test("a name that is none is refused", () => {
    const inventory = inventoryText("Orders!", location("/srv/b", null), "/work");
    const check = { inventory, playbook: playbookText("Orders!"), system: "Orders!", baseDir: "/work", catalogue };
    expect(() => requireUsable(check)).toThrow(expect.objectContaining({ code: "INIT_NAME" }));
  });
});

describe("WAL archives", () => {
  const dir = mkdtempSync(join(tmpdir(), "firedrill-archives-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const signal = new AbortController().signal;
  const make = (path: string): void => {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), "");
  };

  test("are found by what they hold, inside before beside, usual names first", async () => {
    make("one/backups/base/PG_VERSION");
    make("one/backups/base/pg_wal/000000010000000000000001");
    make("one/backups/kept wal/000000010000000000000002.gz");
    make("one/zzz/000000010000000000000003.zst");
    make("one/archive/0000000100000000/000000010000000000000004");
    make("one/wal/readme.txt");
    make("one/notes/000000010000000000000005.txt");
    const found = await findWalArchives(join(dir, "one/backups"), signal);
    expect(found).toEqual(["one/backups/kept wal", "one/archive", "one/zzz"].map((path) => join(dir, path)));
  });

  test("a data directory has none: its pg_wal is its own", async () => {
    make("two/PG_VERSION");
    make("two/pg_wal/000000010000000000000001");
    expect(await findWalArchives(join(dir, "two"), signal)).not.toContain(join(dir, "two/pg_wal"));
    expect(await findWalArchives(join(dir, "two/pg_wal"), signal)).toEqual([]);
  });

  test("a folder that is not there holds none", async () => {
    expect(await holdsSegments(join(dir, "nowhere"), signal)).toBe(false);
  });
});
