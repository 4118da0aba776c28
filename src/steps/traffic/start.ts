import { z } from "zod";
import { clientPathOf } from "../../drills/node-database.ts";
import { StepError } from "../../drills/step-error.ts";
import { trafficRefSchema } from "../../drills/traffic-ref.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { sizeBytes } from "../../support/size.ts";
import type { PlannedTraffic, Traffic, TrafficRequest } from "../ports/traffic.ts";

export interface TrafficDeps {
  readonly traffic: Traffic;
}

const inputSchema = z.strictObject({
  writers: z.int().min(1).max(64).default(2).describe("Canary writers. Default 2."),
  rate: z.int().min(1).max(10_000).default(100).describe("Transactions per second of each writer. Default 100."),
  payload: sizeBytes()
    .refine((bytes) => bytes <= MAX_PAYLOAD, "at most 1MB")
    .prefault("64B")
    .describe("Bytes that each transaction writes. Default 64B."),
  synchronousCommit: z
    .enum(["on", "off", "local", "remote_write", "remote_apply"])
    .optional()
    .describe("`synchronous_commit` of the writers; the server's when absent."),
  probe: durationMs().prefault("10ms").describe("Time between two probes of the clients' path. Default 10ms."),
  connectTimeout: durationMs()
    .prefault("500ms")
    .describe("Longest a probe or writer may take to connect. Default 500ms."),
  answerTimeout: durationMs()
    .prefault("1s")
    .describe("Longest one read or write may take; later it counts as failed. Default 1s."),
  ttl: durationMs().prefault("2h").describe("Writers and prober end by themselves after it. Default 2h."),
});

const MAX_PAYLOAD = 1024 * 1024;

const outputSchema = z.object({ traffic: trafficRefSchema });

type Input = z.output<typeof inputSchema>;

/** Writers and a prober on the clients' path, in processes that outlive this one. A run has one traffic. */
export function startTrafficStep({ traffic }: TrafficDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "traffic/start",
    summary: "Starts canary writers and a prober on the path on which clients reach the system.",
    role: "action",
    effect: "disruptive",
    // It adopts what an earlier attempt started.
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: ["canary-table", "traffic-process"],
    phases: ["prepare"],
    defaultTimeoutMs: 2 * 60_000,
    needsSystem: true,
    async run(input, ctx) {
      const planned = traffic.plan(request(input, ctx));
      requireOnly(planned, ctx);
      // Removed in the other order: the table goes when nobody writes to it any more.
      const table = await ctx.ledger.plan({
        kind: "canary-table",
        title: `tables of the canary in schema ${planned.schema}`,
        ttlMs: input.ttl,
        locator: planned.locators.table,
      });
      const processes = await ctx.ledger.plan({
        kind: "traffic-process",
        title: `${input.writers} canary writers and a prober`,
        ttlMs: input.ttl,
        locator: planned.locators.processes,
      });
      await ctx.requireCurrent();
      await traffic.prepare(planned, ctx.signal);
      await ctx.ledger.created(table.id, planned.locators.table);
      await ctx.requireCurrent();
      const started = await traffic.start(planned, ctx.signal);
      await ctx.ledger.created(processes.id, planned.locators.processes);
      await ctx.fact({ kind: "traffic", traffic: started });
      return { kind: "done", outputs: { traffic: started } };
    },
  });
}

function request(input: Input, ctx: StepContext): TrafficRequest {
  const path = ctx.system === null ? null : clientPathOf(ctx.system);
  if (path === null || path.hosts.length === 0) {
    throw new StepError("permanent", "TRAFFIC_NO_PATH", "nothing says how clients reach the system", {
      hint: "run with --system, and give it `client: { hosts: [...] }` or `nodes:` in the inventory",
    });
  }
  return {
    runId: ctx.runId,
    runDir: ctx.runDir,
    installation: ctx.installation,
    step: ctx.stepId,
    path,
    writers: input.writers,
    intervalUs: Math.round(1_000_000 / input.rate),
    payloadBytes: input.payload,
    synchronousCommit: input.synchronousCommit ?? null,
    probeIntervalUs: input.probe * 1000,
    connectTimeoutUs: input.connectTimeout * 1000,
    answerTimeoutUs: input.answerTimeout * 1000,
    ttlMs: input.ttl,
  };
}

/** The id is the same for every attempt of one step. */
function requireOnly(planned: PlannedTraffic, ctx: StepContext): void {
  const running = ctx.traffic();
  if (running === null || running.id === planned.id) return;
  throw new StepError("permanent", "TRAFFIC_RUNNING", "traffic was started in this run already", {
    hint: "a run has one traffic: raise `writers` or `rate` of the one there is",
    details: { running: running.id },
  });
}
