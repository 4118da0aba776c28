import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import type { SandboxRef } from "../../../src/drills/sandbox-ref.ts";
import type { ProcessSandboxes } from "../../../src/sandboxes/process/sandboxes.ts";
import { orchestratorChild } from "../../support/sandbox-child.ts";
import {
  exists,
  harness,
  isRoot,
  locatorOf,
  npmBin,
  running,
  soon,
  startPostgres,
  until,
} from "../../support/sandbox-harness.ts";

const noPostgres = !exists(join(npmBin, "postgres"));
const NEEDS_POSTGRES = "needs the npm package of PostgreSQL";
const NEEDS_ROOT = "needs root";
const NOBODY = { uid: 65_534, gid: 65_534 };

describe("a real server, wherever the sandbox is", () => {
  test("a deep path with spaces and quotes", async ({ skip }) => {
    skip(noPostgres, NEEDS_POSTGRES);
    await using h = harness({ below: `it's a "deep" place $HOME \`x\` ${"d".repeat(75)}/${"e".repeat(75)}` });
    const ref = await h.make();
    expect(ref.dir.length).toBeGreaterThan(190);
    await startPostgres(h.sandboxes, ref);
    expect(await ask(h.sandboxes, ref, "select current_setting('data_directory') as answer")).toBe(
      join(ref.dir, "data"),
    );
    await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(ref), soon())).toMatchObject({ gone: true });
  });

  test("below a folder that only root may enter", async ({ skip }) => {
    skip(!isRoot || !hasSearch(), "needs root with CAP_DAC_READ_SEARCH");
    skip(noPostgres, NEEDS_POSTGRES);
    const closed = mkdtempSync(join("/var/tmp", "firedrill-closed-"));
    try {
      await using h = harness({ parent: closed });
      chmodSync(closed, 0o700);
      const ref = await h.make();
      const { pid } = await startPostgres(h.sandboxes, ref);
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      // CAP_DAC_READ_SEARCH is bit 2: that, and nothing that writes.
      expect(status).toMatch(/^CapEff:\s+0000000000000004$/mu);
      expect(status).toMatch(new RegExp(`^Uid:\\s+${ref.uid}\\s`, "mu"));
      expect(statSync(closed).mode & 0o777).toBe(0o700);
      expect(await ask(h.sandboxes, ref, "select 1 as answer")).toBe(1);
      // PostgreSQL finds its programs with access(2), which has rules of its own.
      const access = {
        name: "access",
        argv: ["/usr/bin/test", "-r", join(ref.dir, "data", "PG_VERSION")],
        env: {},
        cwd: ref.dir,
      };
      expect(await (await h.sandboxes.launch(ref, access, soon())).exited).toMatchObject({ code: 0 });
    } finally {
      rmSync(closed, { recursive: true, force: true });
    }
  });

  test("as an ordinary user", async ({ skip }) => {
    skip(noPostgres, NEEDS_POSTGRES);
    skip(isRoot && !nobodyCanRead(), "needs a clone that the user nobody can read");
    await using h = harness();
    if (isRoot) chownSync(h.stateDir, NOBODY.uid, NOBODY.gid);
    await using child = await orchestratorChild({
      ...h,
      ttlMs: 60_000,
      task: "postgres",
      ...(isRoot ? { user: NOBODY } : {}),
    });
    expect(child.made.ref.uid).toBe(isRoot ? NOBODY.uid : process.getuid?.());
    expect(child.made.fenced).toBe(true);
    expect(await child.finished()).toMatchObject({ before: { gone: false }, after: { gone: true } });
    expect(await child.ended).toBe(0);
  });
});

describe("root without the powers that containers take away", () => {
  // The bounding set of a container's root lacks CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
  const prefix = ["setpriv", "--bounding-set=-sys_admin,-sys_ptrace,-dac_read_search", "--"];

  test("finds and ends the server's processes all the same", async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using h = harness();
    await using child = await orchestratorChild({ ...h, ttlMs: 60_000, task: "finish", prefix });
    expect(child.made.ref.fence).toBe("settings");
    const { before, after } = await child.finished();
    expect(before).toMatchObject({ gone: false });
    // One would be the watchdog alone, which is ours.
    expect(before.how).not.toContain("/proc: 1 of");
    expect(after).toMatchObject({ gone: true });
    expect(running(child.made.pid)).toBe(false);
  });

  test("its watchdog does, too", async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    await using h = harness();
    await using child = await orchestratorChild({ ...h, ttlMs: 2000, task: "crash", prefix });
    await child.ended;
    await until("the sandbox is gone", () => !exists(child.made.ref.dir));
    expect(await h.sandboxes.keeper.verifyGone(locatorOf(child.made.ref), soon())).toMatchObject({ gone: true });
  });

  test("says so when the server's user cannot get to the sandbox", async ({ skip }) => {
    skip(!isRoot, NEEDS_ROOT);
    const closed = mkdtempSync(join("/var/tmp", "firedrill-closed-"));
    try {
      await using h = harness({ parent: closed });
      chmodSync(closed, 0o700);
      const child = orchestratorChild({ ...h, ttlMs: 60_000, task: "finish", prefix });
      await expect(child).rejects.toThrow("SANDBOX_PATH");
    } finally {
      rmSync(closed, { recursive: true, force: true });
    }
  });
});

/** One value, asked over the sandbox's unix socket. */
async function ask(sandboxes: ProcessSandboxes, ref: SandboxRef, text: string): Promise<unknown> {
  const socket = sandboxes.socketHost(ref);
  const client = new Client({ host: socket.host, port: ref.port, user: "postgres", database: "postgres" });
  await client.connect();
  socket.release();
  try {
    const { rows } = await client.query<{ answer: unknown }>(text);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

function nobodyCanRead(): boolean {
  try {
    const here = fileURLToPath(import.meta.url);
    execFileSync("/bin/sh", ["-c", 'test -r "$1" && test -x "$2"', "sh", here, process.execPath], NOBODY);
    return true;
  } catch {
    return false;
  }
}

/** Bit 2 of the effective capabilities. */
function hasSearch(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync("/proc/self/status", "utf8"));
  return (BigInt(`0x${effective?.[1] ?? "0"}`) & 4n) === 4n;
}
