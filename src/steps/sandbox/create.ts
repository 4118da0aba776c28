import { z } from "zod";
import type { Isolation } from "../../drills/facts.ts";
import type { Endpoint, SystemSnapshot } from "../../drills/inventory.ts";
import { sandboxRefSchema } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type ResourceKeeper, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import type { ProbeTarget, Sandboxes } from "../ports/sandbox.ts";

export interface CreateSandboxDeps {
  readonly sandboxes: Sandboxes & { readonly keeper: ResourceKeeper };
}

const fenceSchema = z
  .enum(["auto", "network-namespace", "settings"])
  .default("auto")
  .describe(
    "What keeps the copy away from production. `auto`: a network namespace where this machine gives one, else settings; refused when an endpoint of the inventory can be reached. `settings`: the server's settings alone, on your word.",
  );

const input = z.object({
  kind: z
    .literal("process")
    .default("process")
    .describe("`process`: server processes of this machine in a folder of their own."),
  ttl: durationMs().describe("Time to live: after it the sandbox ends by itself, even if nothing else is alive."),
  fence: fenceSchema,
});

const outputs = z.object({ sandbox: sandboxRefSchema });

/** `sandbox/create`: planned in the ledger, made, then proven to be fenced before anything is put into it. */
export function createSandboxStep({ sandboxes }: CreateSandboxDeps) {
  return defineStep({
    uses: "sandbox/create",
    summary:
      "Makes a fenced place for a restored copy and proves that no system of the inventory can be reached from it.",
    role: "action",
    effect: "sandbox",
    idempotent: true,
    with: input,
    outputs,
    creates: ["sandbox-process"],
    defaultTimeoutMs: 60_000,
    needsSystem: false,

    async run({ ttl, fence }, ctx) {
      const title = `process sandbox of step ${ctx.stepId}`;
      await removeEarlier(sandboxes.keeper, title, ctx);
      const sandbox = await sandboxes.plan({ ttlMs: ttl, fence });
      const locator = { id: sandbox.id, dir: sandbox.dir, uid: sandbox.uid, gid: sandbox.gid };
      const resource = await ctx.ledger.plan({ kind: "sandbox-process", title, ttlMs: ttl, locator });
      await sandboxes.create(
        sandbox,
        { installation: ctx.installation, run: ctx.runId, epoch: ctx.epoch, title },
        ctx.signal,
      );
      await ctx.ledger.created(resource.id, locator);
      const isolation = await sandboxes.probe(sandbox, endpointsOf(ctx), ctx.signal);
      await ctx.fact(isolation);
      await judge(isolation, fence, ctx);
      return { kind: "done", outputs: { sandbox } };
    },
  });
}

/** What an earlier attempt of this step left is of no use: nothing was restored into it, or not completely. */
async function removeEarlier(keeper: ResourceKeeper, title: string, ctx: StepContext): Promise<void> {
  for (const found of await keeper.list(ctx.installation, ctx.signal)) {
    if (found.run === ctx.runId && found.title === title) await keeper.destroy(found.locator, ctx.signal);
  }
}

function endpointsOf({ inventory, system }: StepContext): readonly ProbeTarget[] {
  const systems =
    system === null || inventory.some(({ name }) => name === system.name) ? inventory : [...inventory, system];
  return systems.flatMap((each) => endpoints(each).map(({ host, port }) => ({ system: each.name, host, port })));
}

/** Every address at which the system, or what stands before it, can be reached; each once. */
function endpoints({ endpoints: { primary, replicas }, nodes, client }: SystemSnapshot): readonly Endpoint[] {
  const all = [
    ...(primary === null ? [] : [primary]),
    ...replicas,
    ...nodes.map(({ endpoint }) => endpoint),
    ...client.hosts,
  ];
  return [...new Map(all.map((each) => [`${each.host} ${each.port}`, each])).values()];
}

async function judge(isolation: Isolation, fence: z.output<typeof fenceSchema>, ctx: StepContext): Promise<void> {
  const open = isolation.probes.filter(({ ok }) => !ok);
  if (open.length === 0) return;
  const what = open.map(({ probe, actual }) => `${probe}: ${actual}`).join("; ");
  if (fence === "settings")
    return ctx.deviation(
      "SANDBOX_NOT_FENCED",
      `The sandbox has no network fence, as the playbook says (fence: settings): ${what}.`,
    );
  throw new StepError("permanent", "SANDBOX_NOT_FENCED", `The sandbox can reach what it must not: ${what}.`, {
    hint: "Run where network namespaces are allowed (as root, or with user namespaces), or on a machine without a route there. `fence: settings` in the playbook accepts it, as a deviation.",
    details: { open: open.map(({ probe }) => probe) },
  });
}
