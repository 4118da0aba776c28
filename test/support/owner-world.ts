import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plan } from "../../src/drills/plan.ts";
import type { ResourceKeeper, Step } from "../../src/engine/step-contract.ts";
import { systemWith } from "./checks-context.ts";
import { fakeStep, untilStopped } from "./engine-bench.ts";
import { planOf } from "./engine-plan.ts";
import { worldKeeper, worldSteps } from "./engine-world.ts";

/** Makes a thing, promotes a system, and (`waiting`) waits to be stopped. `free`: the same without a system. */
export function ownerPlan(kind: string): Plan {
  const steps = [
    { id: "make", uses: "world/make", creates: ["directory" as const] },
    { id: "promote", uses: "owner/promote", idempotent: false, ...(kind === "free" ? {} : DISRUPTIVE) },
    ...(kind === "waiting" ? [{ id: "wait", uses: "world/wait" }] : []),
  ];
  return planOf(steps, { system: kind === "free" ? null : systemWith({ name: "orders", environment: "staging" }) });
}

const DISRUPTIVE = { effect: "disruptive" } as const;

/** Removes things, and writes down each time it does. */
export function ownerKeeper(dir: string): ResourceKeeper {
  const keeper = worldKeeper(dir);
  return {
    ...keeper,
    async destroy(locator, signal) {
      await appendFile(join(dir, "removals"), `${JSON.stringify(locator)}\n`);
      await keeper.destroy(locator, signal);
    },
  };
}

/** How often something was removed. */
export async function removals(dir: string): Promise<number> {
  const text = await readFile(join(dir, "removals"), "utf8").catch(() => "");
  return text.split("\n").length - 1;
}

/** Those of the world; and a promotion that asks for the right to it right before, as disruptive steps do. */
export function ownerSteps(dir: string): readonly Step[] {
  const steps = worldSteps(dir);
  const promote = steps.find(({ uses }) => uses === "world/promote");
  if (promote === undefined) throw new Error("the world has a promotion");
  const careful: Step = {
    ...promote,
    uses: "owner/promote",
    effect: "disruptive",
    async run(input, ctx) {
      if (ctx.system !== null) await ctx.requireCurrent();
      return promote.run(input, ctx);
    },
  };
  return [...steps, careful, fakeStep("world/idle", (ctx) => untilStopped(ctx))];
}
