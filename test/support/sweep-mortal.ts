import type { Step, StepContext } from "../../src/engine/step-contract.ts";
import type { Doom } from "./sweep-doom.ts";

/** What a step does between two records ends with the orchestrator: its code goes on only while that one lives. */
export function mortal(step: Step, doom: Doom): Step {
  const reconcile = step.reconcile?.bind(step);
  return {
    ...step,
    async run(input, ctx) {
      await doom.alive();
      return step.run(input, mortalContext(ctx, doom));
    },
    ...(reconcile === undefined
      ? {}
      : {
          async reconcile(input, ctx) {
            await doom.alive();
            return reconcile(input, mortalContext(ctx, doom));
          },
        }),
  };
}

function mortalContext(ctx: StepContext, doom: Doom): StepContext {
  const checked =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const answer = await call(...args);
      await doom.alive();
      return answer;
    };
  const { ledger } = ctx;
  return {
    ...ctx,
    mark: checked((mark) => ctx.mark(mark)),
    fact: checked((fact) => ctx.fact(fact)),
    deviation: checked((code, message) => ctx.deviation(code, message)),
    requireCurrent: checked(() => ctx.requireCurrent()),
    ledger: {
      plan: checked((wanted) => ledger.plan(wanted)),
      created: checked((id, locator) => ledger.created(id, locator)),
      remove: checked((step, kind) => ledger.remove(step, kind)),
    },
  };
}
