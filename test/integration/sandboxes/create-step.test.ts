import { createServer } from "node:net";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createSandboxStep } from "../../../src/steps/sandbox/create.ts";
import { exists, harness, type Harness } from "../../support/sandbox-harness.ts";
import { stepContext, systemAt } from "../../support/sandbox-step-context.ts";

describe("sandbox/create", () => {
  test("plans in the ledger before anything exists, creates, records what was probed", async () => {
    await using h = harness();
    const step = createSandboxStep(h);
    const { context, facts, ledger } = stepContext(h, [systemAt("orders", { host: "127.0.0.1", port: 1 })]);
    const planned = context.ledger.plan.bind(context.ledger);
    const seen: boolean[] = [];
    const watched = {
      ...context,
      ledger: {
        ...context.ledger,
        plan: async (resource: Parameters<typeof planned>[0]) => {
          seen.push(exists(resource.locator["dir"] as string));
          return planned(resource);
        },
      },
    };
    const result = await step.run(step.with.parse({ ttl: "10m" }), watched);
    const { sandbox } = step.outputs.parse(result.outputs);
    expect(seen).toEqual([false]);
    expect(ledger.map(({ what, resource }) => [what, resource.kind, resource.ttlMs, resource.locator["id"]])).toEqual([
      ["planned", "sandbox-process", 600_000, sandbox.id],
      ["created", "sandbox-process", 600_000, sandbox.id],
    ]);
    expect(exists(sandbox.dir)).toBe(true);
    expect(facts).toMatchObject([
      { kind: "isolation", probes: [{ ok: true }, { probe: "connect to orders 127.0.0.1:1", ok: true }] },
    ]);
  });

  test("the nodes of a system and the path of its clients are tried as well, each address once", async () => {
    await using h = harness();
    const primary = { host: "127.0.0.1", port: 1 };
    const bare = { dataDir: null, bin: null, start: null, stop: null, supervisorPidFile: null, patroni: null };
    const system = {
      ...systemAt("orders", primary),
      nodes: [
        { name: "a", endpoint: primary, ...bare },
        { name: "b", endpoint: { host: "127.0.0.1", port: 2 }, ...bare },
      ],
      client: { hosts: [{ host: "127.0.0.1", port: 3 }], targetSessionAttrs: "any" as const },
    };
    const { context, facts } = stepContext(h, [system]);
    const step = createSandboxStep(h);
    await step.run(step.with.parse({ ttl: "10m" }), context);
    const tried = [1, 2, 3].map((port) => ({ probe: `connect to orders 127.0.0.1:${port}`, ok: true }));
    expect(facts).toMatchObject([{ kind: "isolation", probes: [{ ok: true }, ...tried] }]);
  });

  test("an inventory without endpoints still tries the fence itself", async () => {
    await using h = harness();
    const { context, facts } = stepContext(h, [systemAt("orders", null)]);
    const step = createSandboxStep(h);
    await step.run(step.with.parse({ ttl: "10m" }), context);
    expect(facts).toMatchObject([{ probes: [{ ok: true }] }]);
    expect(JSON.stringify(facts)).toContain("a listener of our own");
  });

  test("a second attempt removes what the first left, and only that", async () => {
    await using h = harness();
    const other = await h.make({ title: "process sandbox of step another" });
    const step = createSandboxStep(h);
    const first = step.outputs.parse(
      (await step.run(step.with.parse({ ttl: "10m" }), stepContext(h, []).context)).outputs,
    );
    const second = step.outputs.parse(
      (await step.run(step.with.parse({ ttl: "10m" }), stepContext(h, [], 2).context)).outputs,
    );
    expect([first, second].map(({ sandbox }) => exists(sandbox.dir))).toEqual([false, true]);
    expect(exists(other.dir)).toBe(true);
  });

  test("a reachable system stops the drill, and the ledger knows the sandbox", async () => {
    await using h = harness();
    await using system = await reachableSystem(h);
    const { context, facts, ledger } = stepContext(h, [system.snapshot]);
    const step = createSandboxStep(h);
    const run = step.run(step.with.parse({ ttl: "10m" }), context);
    await expect(run).rejects.toMatchObject({
      class: "permanent",
      code: "SANDBOX_NOT_FENCED",
    });
    await expect(run).rejects.toThrow(/orders .*: reachable/u);
    expect(facts).toHaveLength(1);
    expect(ledger.map(({ what }) => what)).toEqual(["planned", "created"]);
  });

  test("`fence: settings` accepts it, as a deviation", async () => {
    await using h = harness();
    await using system = await reachableSystem(h);
    const { context, deviations } = stepContext(h, [system.snapshot]);
    const step = createSandboxStep(h);
    await expect(step.run(step.with.parse({ ttl: "10m", fence: "settings" }), context)).resolves.toMatchObject({
      kind: "done",
    });
    expect(deviations).toMatchObject([{ code: "SANDBOX_NOT_FENCED" }]);
    expect(deviations[0]?.message).toContain("orders");
  });
});

/** Behind a unix socket: reachable through every fence, so the test means the same on every machine. */
async function reachableSystem(
  h: Harness,
): Promise<AsyncDisposable & { readonly snapshot: ReturnType<typeof systemAt> }> {
  const folder = join(h.stateDir, "sockets");
  mkdirSync(folder, { mode: 0o755 });
  const path = join(folder, ".s.PGSQL.5432");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, 0o777);
  return {
    snapshot: systemAt("orders", { host: folder, port: 5432 }),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
