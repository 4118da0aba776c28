import { z } from "zod";
import { microseconds } from "./clock-schema.ts";
import { acknowledgedSchema, canaryCountsSchema } from "./loss-schema.ts";

const count = z.number().int();
const lsn = z.string().nullable();
const instant = z.object({ wallUs: microseconds, monoUs: microseconds });
const step = z.string();

const traffic = z.object({
  path: z.string().describe("The addresses on which clients reach the service, in their order."),
  writers: count,
  intervalUs: microseconds.describe("Of each writer, between two transactions."),
  payloadBytes: count,
  synchronousCommit: z.string().nullable().describe("What the writers ask for; null: the server's."),
  probeIntervalUs: microseconds,
  connectTimeoutUs: microseconds,
  answerTimeoutUs: microseconds,
  step,
});

const canary = z.object({
  writers: count,
  intervalUs: microseconds,
  slowestAnswerUs: microseconds.describe("Of the last 100 acknowledgements before T0."),
  counts: canaryCountsSchema,
  newestBeforeT0: acknowledgedSchema.nullable(),
  newestSurvivor: acknowledgedSchema.nullable(),
  gaps: count.describe("Acknowledgements out of order, or with a hole in the numbers."),
  load: z.object({ transactionsPerSecond: count, bytesPerSecond: count }).describe("What it put on the system."),
  readAt: instant,
  readFrom: z.object({ host: z.string(), port: count, timeline: count, lsn: z.string() }),
  step,
});

const outages = z.object({
  path: z.string(),
  probeIntervalUs: microseconds,
  connectTimeoutUs: microseconds,
  answerTimeoutUs: microseconds,
  watchedFrom: instant,
  watchedTo: instant,
  probes: count,
  failed: count,
  outages: z
    .array(
      z.object({
        lastGood: instant.nullable(),
        firstFailed: instant,
        lastFailed: instant.describe("When the last of its failed probes began."),
        firstRead: instant.nullable(),
        firstWrite: instant.nullable(),
        from: z.string().nullable(),
        to: z.string().nullable(),
        reason: z.string(),
      }),
    )
    .describe("The first 1,000."),
  outagesInAll: count,
  step,
});

const replication = z.object({
  at: instant,
  primary: z.string().nullable(),
  primaryLsn: lsn,
  timeline: count.nullable(),
  standbys: z.array(
    z.object({
      node: z.string(),
      reachable: z.boolean(),
      streaming: z.boolean(),
      sync: z.string().nullable(),
      receivedLsn: lsn,
      replayedLsn: lsn,
      lagBytes: count.nullable(),
      lagUs: microseconds.nullable(),
    }),
  ),
  step,
});

const candidate = z.object({
  node: z.string(),
  receivedLsn: lsn,
  replayedLsn: lsn,
  timeline: count.nullable(),
  lagBytes: count.nullable(),
  unfit: z.string().nullable().describe("Why it could not be taken; null for a fit one."),
});

const promotion = z.object({
  node: z.string(),
  reason: z.string(),
  candidates: z.array(candidate),
  knownLsn: z.object({ lsn: z.string(), from: z.string(), ageUs: microseconds }).nullable(),
  fromTimeline: count,
  toTimeline: count,
  promotedLsn: z.string(),
  asked: instant,
  promoted: instant,
  resolutionUs: microseconds,
  step,
});

const fencing = z.object({
  node: z.string(),
  how: z.enum(["stopped", "already_down", "unreachable", "command"]),
  proofs: z.array(z.string()).describe("What was asked afterwards, and the answers."),
  at: instant,
  step,
});

const injection = z.object({
  fault: z.string(),
  node: z.string(),
  detail: z.string(),
  begun: instant,
  done: instant,
  step,
});

const rebuild = z.object({
  node: z.string(),
  method: z.enum(["pg_rewind", "base_copy", "followed"]),
  reason: z.string(),
  bytes: count.nullable(),
  kept: z.string().nullable().describe("Where the old data directory was kept."),
  streaming: instant.extend({
    resolutionUs: z.number().int().describe("It began to stream at most so long before it was seen to."),
  }),
  step,
});

const humanWait = z.object({
  from: instant,
  to: instant,
  what: z.string(),
  decision: z.enum(["approved", "declined", "timed_out"]),
  who: z.string().nullable(),
  role: z.string().nullable(),
  comment: z.string().nullable(),
  step,
});

/** What steps saw of a failover. */
export const observedFailoverShape = {
  traffic: traffic.nullable(),
  canary: canary.nullable().describe("The last reading of the canary's ledger."),
  outages: outages.nullable().describe("What the prober saw on the clients' path."),
  replication: z.array(replication),
  injections: z.array(injection).describe("Faults that were put in."),
  fencings: z.array(fencing),
  promotions: z.array(promotion),
  rebuilds: z.array(rebuild),
  humanWaits: z.array(humanWait),
};
