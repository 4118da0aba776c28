import { symlinkSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { idPrefix, isSandboxId, sandboxesRoot } from "../../../src/sandboxes/process/layout.ts";

describe("sandbox ids", () => {
  test("begin with a mark of the installation and have one length", () => {
    expect(idPrefix("fd-abc")).toMatch(/^sb-[0-9a-f]{8}-$/u);
    expect(idPrefix("fd-abc")).not.toBe(idPrefix("fd-abd"));
  });

  test.each(["sb-01234567-0123456789ab"])("%s is one", (id) => expect(isSandboxId(id)).toBe(true));
  test.each([
    "",
    ".",
    "..",
    "sb-01234567-0123456789abc",
    "sb-01234567-0123456789a/",
    "sb-01234567-0123456789ab\n",
    "SB-01234567-0123456789ab",
  ])("%j is none", (id) => expect(isSandboxId(id)).toBe(false));
});

describe("the folder of the sandboxes", () => {
  test("is the real one, without links, also before it exists", () => {
    const base = mkdtempSync(join(realpathSync(tmpdir()), "firedrill-layout-"));
    try {
      mkdirSync(join(base, "real"));
      symlinkSync(join(base, "real"), join(base, "link"));
      expect(sandboxesRoot(join(base, "link"))).toBe(join(base, "real", "sandboxes"));
      expect(sandboxesRoot(join(base, "link", "not", "yet"))).toBe(join(base, "real", "not", "yet", "sandboxes"));
    } finally {
      rmSync(base, { recursive: true });
    }
  });
});
