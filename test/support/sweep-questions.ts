/** The steps that only ask or wait: answered here from the world, as their own code asks servers by SQL, or takes the time it measures. */
import type { z } from "zod";
import type { DatabaseRef } from "../../src/drills/database-ref.ts";
import { type Expectation, meets } from "../../src/drills/expectation.ts";
import type { CheckDetail } from "../../src/drills/run-event.ts";
import type { Step, StepContext, StepResult } from "../../src/engine/step-contract.ts";
import { instant } from "../../src/support/clock.ts";
import { FIRST_PORT } from "./sweep-cluster.ts";
import { NODES, nodeIn, type World } from "./sweep-world.ts";

type Outputs = Record<string, unknown>;
/** As the real step's schema made it. */
type Input = z.output<z.ZodObject>;
type Answer = (input: Input, ctx: StepContext) => Promise<StepResult<Outputs>>;

function yes(title: string, outputs: Outputs): StepResult<Outputs> {
  return { kind: "check", passed: true, outputs, check: detail(title, "yes", "yes") };
}

function detail(title: string, expected: string, actual: string): CheckDetail {
  return { title, expected, actual, coverage: { checked: 1, total: 1, unit: "things" } };
}

function answers(world: World): Readonly<Record<string, Answer>> {
  return {
    "verify/rows": async () => {
      await world.look();
      return yes("rows", { rows: "1000", tables: [{ table: "public.orders", rows: "1000" }] });
    },
    "postgres/amcheck": async () => {
      await world.look();
      return yes("structure", { tables: 10, indexes: 10, corrupted: [] });
    },
    "postgres/checksums": async () => {
      await world.look();
      return yes("checksums", { pages: 100, bytes: 819_200, bad: 0, bytesPerSecond: 1000 });
    },
    "verify/freshness": async (_input, ctx) => {
      await world.look();
      const t0 = ctx.marks().find(({ mark }) => mark === "T0") ?? instant(ctx.clock);
      const newestWallUs = t0.wallUs - 30_000_000;
      await ctx.fact({
        kind: "newest_survivor",
        via: "heartbeat",
        what: "heartbeat",
        newestWallUs,
        intervalUs: 1_000_000,
      });
      return yes("newest heartbeat", { newest: "30 s before T0", ageUs: 30_000_000 });
    },
    "verify/sql": async (input, _ctx) => {
      // The one query of the shipped playbooks: is this server in recovery?
      const { on, expect } = input as { readonly on: DatabaseRef; readonly expect: Expectation };
      const value = String(!nodeIn(await world.look(), NODES[on.port - FIRST_PORT] ?? "").primary);
      const check = detail("in recovery", expect.text, value);
      return { kind: "check", passed: meets(expect, value), outputs: { value, rows: 1 }, check };
    },
    "drill/hold": async (input, ctx) => {
      await world.look();
      const { wallUs, monoUs } = instant(ctx.clock);
      // The window's end: nobody waits for it.
      const aheadUs = Number(input["for"]) * 1000;
      const at = { wallUs: wallUs + aheadUs, monoUs: monoUs + aheadUs };
      await ctx.mark({ mark: "T7", ...at, source: "prober", resolutionUs: 10_000, note: null });
      return yes("held", { probes: 10 });
    },
    "wait/until": async () => {
      await world.look();
      return { kind: "done", outputs: { looks: 1, waitedUs: 1000, value: null } };
    },
  };
}

/** With their own signatures and schemas; only who answers is another. */
export function answeredHere(steps: ReadonlyMap<string, Step>, world: World): ReadonlyMap<string, Step> {
  const by = answers(world);
  return new Map(
    [...steps].map(([uses, step]) => {
      const run = by[uses];
      return [uses, run === undefined ? step : { ...step, run }];
    }),
  );
}
