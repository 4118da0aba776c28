import { createServer, type Server } from "node:net";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { harness, readLog, soon } from "../../support/sandbox-harness.ts";

/** Null where a namespace can be had; else why not. */
const refused = await (async () => {
  await using h = harness();
  return h.sandboxes.plan({ ttlMs: 1000, fence: "network-namespace" }).then(
    () => null,
    (error: unknown) => String(error),
  );
})();
const NEEDS_NAMESPACE = `needs a network namespace: ${refused}`;

describe("the fence", () => {
  test("a network namespace keeps the sandbox from a listening server of this machine", async ({ skip }) => {
    skip(refused !== null, NEEDS_NAMESPACE);
    await using h = harness();
    await using production = await listening();
    const ref = await h.make({ fence: "network-namespace" });
    const { probes } = await h.sandboxes.probe(
      ref,
      [{ system: "orders", host: "localhost", port: production.port }],
      soon(),
    );
    expect(probes.map(({ ok }) => ok)).not.toContain(false);
    expect(probes.map(({ probe }) => probe)).toEqual(
      expect.arrayContaining([
        `connect to orders localhost:${production.port}`,
        `connect to orders 127.0.0.1:${production.port} (localhost)`,
      ]),
    );
    expect(production.connections()).toBe(0);
  });

  test("settings alone do not: the same probe goes red", async () => {
    await using h = harness();
    await using production = await listening();
    const ref = await h.make({ fence: "settings" });
    const { probes } = await h.sandboxes.probe(
      ref,
      [{ system: "orders", host: "127.0.0.1", port: production.port }],
      soon(),
    );
    expect(probes.at(-1)).toEqual({
      probe: `connect to orders 127.0.0.1:${production.port}`,
      expected: "not reachable",
      actual: "reachable",
      ok: false,
    });
    expect(production.connections()).toBe(1);
  });

  test("programs run in the namespace the probes were made in, with a loopback of their own", async ({ skip }) => {
    skip(refused !== null, NEEDS_NAMESPACE);
    await using h = harness();
    const ref = await h.make({ fence: "network-namespace" });
    const argv = ["/bin/sh", "-c", "readlink /proc/self/ns/net; cat /proc/net/dev"];
    const inside = async (name: string): Promise<string> => {
      const launched = await h.sandboxes.launch(ref, { name, argv, env: {}, cwd: ref.dir }, soon());
      await launched.exited;
      return readLog(launched.logPath);
    };
    const [first, second] = [await inside("first"), await inside("second")];
    expect(first).toBe(second);
    expect(first.match(/^\s*\w+:(?=\s+\d)/gmu)?.map((name) => name.trim())).toEqual(["lo:"]);
  });

  test("without a network fence, a sandbox at the address and port of a system is refused", async () => {
    await using h = harness();
    const ref = await h.make({ fence: "settings" });
    const same = h.sandboxes.probe(ref, [{ system: "orders", host: "localhost", port: ref.port }], soon());
    await expect(same).rejects.toMatchObject({ code: "SANDBOX_ADDRESS", class: "permanent" });
  });

  test("a system behind a unix socket is reached through every network fence: the probe says so", async () => {
    await using h = harness();
    const folder = join(h.stateDir, "sockets");
    mkdirSync(folder, { mode: 0o755 });
    await using _server = await listening(join(folder, ".s.PGSQL.5432"));
    const ref = await h.make();
    const { probes } = await h.sandboxes.probe(ref, [{ system: "orders", host: folder, port: 5432 }], soon());
    expect(probes.at(-1)).toMatchObject({ actual: "reachable", ok: false });
  });

  test("a name that cannot be resolved is recorded as tried", async () => {
    await using h = harness();
    const ref = await h.make();
    const { probes } = await h.sandboxes.probe(ref, [{ system: "orders", host: "db.invalid", port: 5432 }], soon());
    expect(probes.at(-1)).toMatchObject({ probe: "connect to orders db.invalid:5432", ok: true });
  });
});

async function listening(path?: string): Promise<AsyncDisposable & { readonly port: number; connections(): number }> {
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(path, resolve),
  );
  if (path !== undefined) chmodSync(path, 0o777);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connections: () => count,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
