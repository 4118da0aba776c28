import { z } from "zod";
import { ageSchema, microseconds, notApplicable, notMeasured } from "./clock-schema.ts";

const count = z.number().int();

export const acknowledgedSchema = z.object({
  writer: count,
  seq: count,
  wallUs: microseconds.describe("When the acknowledgement arrived at the writer."),
  monoUs: microseconds,
});

export const canaryCountsSchema = z.object({
  sent: count,
  acknowledged: count,
  unknown: count,
  refused: count,
  survived: count.describe("Acknowledged and there."),
  lost: count.describe("Acknowledged and not there."),
  recoveredUnknown: count.describe("Never answered, and there."),
  failed: count.describe("Never answered or refused, and not there."),
  phantom: count.describe("There, and never sent."),
  duplicated: count.describe("There more than once."),
  altered: count.describe("There, with another content."),
});

/** What is gone, as the ledger of the writers has it. */
const lostRowsSchema = z.object({
  first: acknowledgedSchema,
  last: acknowledgedSchema,
  spanUs: microseconds.describe("From the first lost acknowledgement to the last, by the monotonic clock."),
  bytes: count.describe("Payload of the lost transactions."),
  ranges: z.array(z.object({ writer: count, from: count, to: count })).describe("The first 1,000."),
  rangesInAll: count,
  file: z.string().describe("All of them, in the run's folder."),
});

const lostMeasured = z.object({
  status: z.literal("measured"),
  lost: count,
  acknowledged: count,
  writers: count,
  counts: canaryCountsSchema,
  gone: lostRowsSchema.nullable().describe("Null when nothing is gone."),
  time: ageSchema.describe("The loss as time at T0, from the acknowledgements."),
  atLeastUs: microseconds.nullable().describe("What the loss is not less than, also where `time` has no upper bound."),
  text: z.string().describe("The same for people, in one sentence."),
});

const lagMeasured = z.object({
  status: z.literal("measured"),
  node: z.string(),
  lagBytes: count.describe("Behind the primary's position."),
  lagUs: microseconds.nullable().describe("Replay lag as the primary gave it."),
  ageUs: microseconds.describe("How long before T0 it was seen."),
  source: z.string(),
  text: z.string(),
});

export const lossSchema = z
  .object({
    recoveryPointAge: ageSchema,
    replicationLag: z.discriminatedUnion("status", [lagMeasured, notMeasured, notApplicable]),
    newestSurvivorAge: ageSchema,
    lostAcknowledged: z.discriminatedUnion("status", [lostMeasured, notMeasured, notApplicable]),
  })
  .describe("Four separate numbers, never folded into one.");
export type Loss = Readonly<z.infer<typeof lossSchema>>;
