import { z } from "zod";

/** How to reach a database, without its secret: travels through plans, outputs and the journal. */
export const databaseRefSchema = z
  .object({
    engine: z.literal("postgresql"),
    /** Sandbox it runs in; null for a system of the inventory. */
    sandbox: z.string().nullable(),
    /** Host name, address, or a folder with a unix socket (begins with `/`). */
    host: z.string(),
    port: z.number().int(),
    user: z.string(),
    database: z.string(),
    /** Secret reference, `file:/...`; null where the socket's folder is the protection. */
    password: z.string().nullable(),
  })
  .describe("A database, as `steps.<restore>.outputs.database` gives it.");
export type DatabaseRef = z.infer<typeof databaseRefSchema>;
