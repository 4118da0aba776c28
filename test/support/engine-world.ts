import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FoundResource, ResourceKeeper, Step } from "../../src/engine/step-contract.ts";
import type { JsonObject } from "../../src/support/json.ts";
import { fakeStep, untilStopped } from "./engine-bench.ts";
import { planOf } from "./engine-plan.ts";

/** A world of files that outlives a process: what a crash test looks at afterwards. */
export const WORLD_PLAN = planOf([
  { id: "make", uses: "world/make", creates: ["directory"] },
  { id: "promote", uses: "world/promote", idempotent: false },
  { id: "check", uses: "world/check", phase: "verify", role: "check" },
]);

/** As above, and the second step waits to be stopped. */
export const WAITING_PLAN = planOf([
  { id: "make", uses: "world/make", creates: ["directory"] },
  { id: "wait", uses: "world/wait" },
]);

export function worldSteps(dir: string): readonly Step[] {
  return [
    fakeStep("world/make", async (ctx) => {
      const name = `thing-${ctx.epoch}`;
      const { id } = await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 60_000, locator: { name } });
      await mkdir(join(dir, "things"), { recursive: true });
      await writeFile(join(dir, "things", name), JSON.stringify({ installation: ctx.installation, run: ctx.runId }));
      await ctx.ledger.created(id, { name });
      return { kind: "done", outputs: { name } };
    }),
    fakeStep(
      "world/promote",
      async (ctx) => {
        await appendFile(join(dir, "promotions"), `${ctx.idempotencyKey}\n`);
        return { kind: "done", outputs: { promoted: true } };
      },
      {
        idempotent: false,
        reconcile: async (_input, ctx) =>
          (await promotions(dir)).includes(ctx.idempotencyKey) ? HAPPENED : { kind: "did_not_happen" },
      },
    ),
    fakeStep("world/check", async () => {
      const count = (await promotions(dir)).length;
      return {
        kind: "check",
        passed: count === 1,
        outputs: {},
        check: { title: "promoted once", expected: "1", actual: `${count}`, coverage: null },
      };
    }),
    fakeStep("world/wait", (ctx) => untilStopped(ctx)),
  ];
}

const HAPPENED = { kind: "happened", outputs: { promoted: true } } as const;

export async function promotions(dir: string): Promise<readonly string[]> {
  const text = await readFile(join(dir, "promotions"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

export async function things(dir: string): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(join(dir, "things")).catch(() => []);
  return names.toSorted();
}

export function worldKeeper(dir: string): ResourceKeeper {
  const path = (locator: JsonObject): string => join(dir, "things", nameOf(locator));
  return {
    kind: "directory",
    async list(installation) {
      const found = await Promise.all((await things(dir)).map((name) => describeThing(dir, name)));
      return found.filter((thing) => thing.installation === installation);
    },
    destroy: (locator) => rm(path(locator), { force: true }),
    async verifyGone(locator) {
      const there = await things(dir);
      const gone = !there.includes(nameOf(locator));
      return { gone, how: `the folder lists ${there.length} things` };
    },
  };
}

function nameOf(locator: JsonObject): string {
  return typeof locator["name"] === "string" ? locator["name"] : "";
}

async function describeThing(dir: string, name: string): Promise<FoundResource & { readonly installation: string }> {
  // Written by the step above.
  const { installation, run } = JSON.parse(await readFile(join(dir, "things", name), "utf8")) as Record<
    "installation" | "run",
    string
  >;
  return { installation, run, title: name, locator: { name }, ownerAlive: false };
}
