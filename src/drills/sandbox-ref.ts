import { z } from "zod";

/** Where a restored copy runs. */
export const sandboxRefSchema = z
  .object({
    kind: z.literal("process"),
    id: z.string(),
    /** Absolute; `data/`, `socket/`, `spool/`, `log/` are made in it. Everything of the sandbox is in here. */
    dir: z.string(),
    /** TCP port on 127.0.0.1 (inside the fence when that is a network namespace). */
    port: z.number().int(),
    /** `network-namespace`: no route to anything. `settings`: only the server's settings keep it in. */
    fence: z.enum(["network-namespace", "settings"]),
    /** User the server runs as; never root. */
    uid: z.number().int(),
    gid: z.number().int(),
    expiresWallUs: z.number().int(),
  })
  .describe("A sandbox, as `sandbox/create` gives it.");
export type SandboxRef = z.infer<typeof sandboxRefSchema>;
