import { z } from "zod";
import { clientPathSchema } from "./client-path.ts";

const processIdentity = z.object({ pid: z.number().int(), startTicks: z.number().int(), bootId: z.string() });

/** Writers and prober that run beside a drill, as `traffic/start` gives them; what they know is in `dir`. */
export const trafficRefSchema = z
  .object({
    id: z.string(),
    /** Absolute, below the run's folder: the ledger of the writers, the log of the prober. Kept as evidence. */
    dir: z.string(),
    schema: z.string(),
    /** Table of the canary's rows; the prober's rows are in `<table>_probe`. */
    table: z.string(),
    path: clientPathSchema,
    writers: z.number().int(),
    /** Of each writer, microseconds between two markers. */
    intervalUs: z.number().int(),
    payloadBytes: z.number().int(),
    /** Level the writers ask for; null: the server's. */
    synchronousCommit: z.string().nullable(),
    probeIntervalUs: z.number().int(),
    connectTimeoutUs: z.number().int(),
    /** Deadline of one read or write of the prober, and of one write of a writer. */
    answerTimeoutUs: z.number().int(),
    writer: processIdentity,
    prober: processIdentity,
  })
  .describe("Running traffic.");
export type TrafficRef = z.infer<typeof trafficRefSchema>;
