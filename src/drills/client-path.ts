import { z } from "zod";

/** How applications reach a database: one address (a server, a pooler, a DNS name) or a list tried in order, as libpq does. */
export const clientPathSchema = z
  .object({
    hosts: z.array(z.object({ host: z.string(), port: z.number().int() })).min(1),
    /** `read-write`: a server that does not take writes is passed over (libpq: `target_session_attrs`). */
    targetSessionAttrs: z.enum(["any", "read-write"]),
    user: z.string(),
    database: z.string(),
    /** Secret reference, or null. */
    password: z.string().nullable(),
  })
  .describe("The path on which clients reach the service.");
export type ClientPath = z.infer<typeof clientPathSchema>;
