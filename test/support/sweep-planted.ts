import type { Step } from "../../src/engine/step-contract.ts";
import type { Planted } from "./sweep-victim.ts";

/** Faults that the sweep must see: each breaks one promise that recovery rests on. */
export const PLANTED = {
  /** A step that must not be done twice says that it may. */
  "idempotent by mistake": { change: changing("fault/replication-cut", (step) => ({ ...step, idempotent: true })) },
  "a reconcile that lies": {
    change: changing("postgres/promote", (step) => ({
      ...step,
      reconcile: async () => ({ kind: "did_not_happen" }),
    })),
  },
  "a reconcile that believes too much": {
    change: changing("fault/kill", (step) => ({
      ...step,
      reconcile: async () => ({ kind: "happened", outputs: { node: "a", at: "some time ago" } }),
    })),
  },
  "a reconcile that does not know": {
    change: changing("postgres/promote", (step) => ({
      ...step,
      reconcile: async () => ({ kind: "unknown", message: "the server does not answer" }),
    })),
  },
  "a sync that is skipped": { sync: false },
  "a ledger entry after the thing": {
    change: changing("sandbox/create", (step, world) => ({
      ...step,
      async run(input, ctx) {
        // Made before its entry is durable, and known to nobody.
        await world.change(({ things }) => {
          const { installation, runId: run } = ctx;
          things[`early ${ctx.epoch}`] = { kind: "directory", installation, run, title: "early" };
        });
        const locator = { thing: `early ${ctx.epoch}` };
        const { id } = await ctx.ledger.plan({ kind: "sandbox-process", title: "early", ttlMs: 60_000, locator });
        await ctx.ledger.created(id, locator);
        return step.run(input, ctx);
      },
    })),
  },
} as const satisfies Readonly<Record<string, Planted>>;

export type PlantedName = keyof typeof PLANTED;

function changing(uses: string, how: (step: Step, world: Parameters<NonNullable<Planted["change"]>>[1]) => Step) {
  return ((steps, world) =>
    new Map([...steps].map(([name, step]) => [name, name === uses ? how(step, world) : step]))) satisfies NonNullable<
    Planted["change"]
  >;
}
