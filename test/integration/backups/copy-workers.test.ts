import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CopyOrder } from "../../../src/backups/directory/copy-file.ts";
import { type CopiedOrder, copiedBytes, createQueue } from "../../../src/backups/directory/copy-queue.ts";
import { copyWithWorkers } from "../../../src/backups/directory/copy-workers.ts";

const FILES = 40;
/** CRC32C of the nine digits 1 to 9 is e3069283 (RFC 3720 B.4 and others); a manifest writes its bytes little end first. */
const CHECK = { text: "123456789", hex: "839206e3" };

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fd-workers-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function orders(): readonly CopyOrder[] {
  return Array.from({ length: FILES }, (_, index) => {
    writeFileSync(join(dir, `source-${index}`), CHECK.text);
    const target = { path: `file-${index}`, file: join(dir, `target-${index}`), owner: null };
    return { source: join(dir, `source-${index}`), target, algorithm: "CRC32C" };
  });
}

describe("copying with threads", () => {
  test("copies every file once, with its checksum", async () => {
    const queue = createQueue(orders());
    const seen: CopiedOrder[] = [];
    await copyWithWorkers(queue, 2, AbortSignal.timeout(30_000), (file) => seen.push(file));
    expect(seen.map((file) => file.index).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: FILES }, (_, i) => i),
    );
    expect(new Set(seen.map((file) => file.hex))).toEqual(new Set([CHECK.hex]));
    expect(copiedBytes(queue)).toBe(FILES * CHECK.text.length);
    expect(readFileSync(join(dir, "target-7"), "utf8")).toBe(CHECK.text);
  });

  test("an error of a thread keeps its class and code, and is thrown when all have ended", async () => {
    const list = orders();
    rmSync(join(dir, "source-3"));
    symlinkSync("/etc/hostname", join(dir, "source-3"));
    writeFileSync(join(dir, "target-5"), "already here");
    const copying = copyWithWorkers(createQueue(list.slice(5, 6)), 2, AbortSignal.timeout(30_000), () => undefined);
    await expect(copying).rejects.toMatchObject({ class: "subject", code: "BACKUP_DUPLICATE" });
    const following = copyWithWorkers(createQueue(list.slice(3, 4)), 2, AbortSignal.timeout(30_000), () => undefined);
    await expect(following).rejects.toMatchObject({ code: "ELOOP" });
  });

  test("what the caller refuses stops the copy", async () => {
    const copying = copyWithWorkers(createQueue(orders()), 2, AbortSignal.timeout(30_000), () => {
      throw new Error("not what the manifest says");
    });
    await expect(copying).rejects.toThrow("not what the manifest says");
  });

  test("an abort ends it", async () => {
    const copying = copyWithWorkers(createQueue(orders()), 2, AbortSignal.abort(new Error("enough")), () => undefined);
    await expect(copying).rejects.toThrow("enough");
  });
});
