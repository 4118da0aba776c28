import { z } from "zod";
import { durationMs } from "../support/duration.ts";
import { hasLogin } from "../support/url-login.ts";
import { lineSchema, nameSchema } from "./names.ts";
import { API_VERSION } from "./playbook-schema.ts";

/** The shape of an inventory: the systems that one playbook can be run against. */
const HOST = /^(?:\/[^\0]{1,100}|[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.%a-z]{2,60})$/u;
const SECRET = /^(?:env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\0\n]{1,4000})$/u;

/** The value is never said: it may be the secret. */
const secretRef = z
  .string({ error: (issue) => (issue.input === undefined ? undefined : PLAINTEXT) })
  .refine((text) => SECRET.test(text), { error: () => PLAINTEXT })
  .meta({
    pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
    examples: ["env:ORDERS_PASSWORD", "file:./orders.password"],
  });
const PLAINTEXT =
  "PLAINTEXT_SECRET: a secret must be a reference, not the secret itself\nwrite env:NAME or file:path, and change the secret: it has been in a file";

const port = z
  .int("BAD_PORT: a port is a whole number")
  .min(1, "BAD_PORT: a port is from 1 to 65535")
  .max(65_535, "BAD_PORT: a port is from 1 to 65535");

const endpoint = z
  .strictObject({
    host: z
      .string()
      .regex(
        HOST,
        "BAD_HOST: a host is a name, an address, or the folder of a unix socket\nwithout scheme, user and port",
      ),
    port: port.default(5432),
  })
  .describe("Where a server listens.");

const argv = z.array(z.string().min(1).max(4000)).min(1).max(100);

const filePath = z.string().min(1, "EMPTY_VALUE: the path is empty").max(4000);

const node = z
  .strictObject({
    name: nameSchema().describe("Unique within the system."),
    host: endpoint.shape.host,
    port: endpoint.shape.port,
    dataDir: filePath
      .optional()
      .describe("Its data directory, when this machine runs it. Faults and rebuilds need it."),
    bin: filePath.optional().describe("Folder of its server programs; found by its version when absent."),
    start: argv.optional().describe("Argument list that starts it: [systemctl, start, postgresql@15-main]."),
    stop: argv.optional().describe("Argument list that stops it."),
    supervisorPidFile: filePath.optional().describe("Pid file of what restarts it, as Patroni does."),
    patroni: z
      .url({ protocol: /^https?$/u })
      .refine(
        (text) => !hasLogin(text),
        "PLAINTEXT_SECRET: a URL must not hold a password\nwrite it without user and password",
      )
      .optional()
      .describe("Base URL of its Patroni REST API."),
  })
  .describe("A database server of the system.");

const backup = z
  .strictObject({
    kind: z.literal("directory").default("directory"),
    path: filePath.describe("Folder of base backups, or one base backup. Relative: to this file's folder."),
    wal: filePath.optional().describe("WAL archive; without it a backup's own WAL is all there is."),
  })
  .describe("Where backups are.");

const system = z
  .strictObject({
    name: nameSchema().describe("What --system takes."),
    engine: z.enum(["postgresql"]),
    environment: z
      .enum(["production", "staging", "test", "development"])
      .optional()
      .describe("Without one it is treated as production."),
    owner: lineSchema().optional(),
    tier: z.int().min(0).max(99).optional().describe("How important; 0 or 1 is most."),
    tags: z.record(nameSchema(), lineSchema()).default({}),
    endpoints: z
      .strictObject({
        primary: endpoint.optional(),
        replicas: z.array(endpoint).max(100).default([]),
        client: z
          .strictObject({
            hosts: z.array(endpoint).min(1).max(20).describe("Tried in this order, as libpq does."),
            targetSessionAttrs: z
              .enum(["any", "read-write"])
              .default("read-write")
              .describe("read-write: a server that takes no writes is passed over."),
          })
          .optional()
          .describe("How applications reach it: servers, a pooler, a DNS name. Default: all nodes, read-write."),
      })
      .prefault({})
      .describe("Sandboxes must not be able to reach any of them."),
    credentials: z
      .strictObject({
        user: lineSchema(63).optional(),
        password: secretRef.optional(),
        database: lineSchema(63).optional(),
        replication: z
          .strictObject({
            user: lineSchema(63),
            passfile: filePath.optional().describe("libpq password file on the standby's machine."),
          })
          .optional()
          .describe("How standbys log in to a primary; the user above when absent."),
      })
      .prefault({})
      .describe("How to log in; the password by reference only."),
    nodes: z.array(node).max(100).default([]).describe("Its servers, for failovers. Default: made from endpoints."),
    backups: z.array(backup).max(50).default([]),
    heartbeat: z
      .strictObject({
        schema: z
          .string()
          .regex(/^[a-z_][a-z0-9_]{0,62}$/u, "BAD_NAME: a schema's name has lower-case letters, digits and _")
          .default("firedrill"),
        interval: durationMs(),
      })
      .optional()
      .describe("Written by firedrill heartbeat."),
    newest: z
      .string()
      .min(1)
      .max(10_000)
      .optional()
      .describe("Query for the time of the newest commit: select max(created_at) from orders."),
    objectives: z
      .strictObject({ rto: durationMs().optional(), rpo: durationMs({ zero: true }).optional() })
      .prefault({})
      .describe("Default targets; a playbook's come first."),
    extra: z
      .record(z.string(), z.unknown())
      .default({})
      .describe("Yours; playbooks read it as ${{ system.extra.name }}."),
  })
  .describe("A system.");
export type SystemSpec = z.output<typeof system>;

export const inventorySchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal("Inventory"),
    systems: z
      .array(system)
      .min(1, "NO_SYSTEMS: the inventory has no systems\na drill needs something to drill")
      .max(10_000),
  })
  .describe("The systems that drills are run against.");
