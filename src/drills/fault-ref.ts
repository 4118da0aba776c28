import { z } from "zod";
import type { JsonObject } from "../support/json.ts";
import type { SystemSnapshot } from "./inventory.ts";

const endpointSchema = z.object({ host: z.string(), port: z.number().int() });

const nodeSchema = z.object({
  name: z.string(),
  endpoint: endpointSchema,
  dataDir: z.string().nullable(),
  bin: z.string().nullable(),
  start: z.array(z.string()).nullable(),
  stop: z.array(z.string()).nullable(),
  supervisorPidFile: z.string().nullable(),
  patroni: z.string().nullable(),
});

/** What is needed to ask the servers of a system again; of secrets the references. */
const sceneSchema = z.object({
  name: z.string(),
  nodes: z.array(nodeSchema),
  credentials: z.object({
    user: z.string().nullable(),
    password: z.string().nullable(),
    database: z.string().nullable(),
    replication: z.object({ user: z.string(), passfile: z.string().nullable() }).nullable(),
  }),
});

const broken = {
  system: sceneSchema,
  node: z.string(),
  /** What it was right before; `unknown` when it did not answer. */
  role: z.enum(["primary", "standby", "unknown"]),
};
/** As the driver of the fault planned it. */
const jsonObjectSchema = z.record(z.string(), z.json());
const undoSchema = z.custom<JsonObject>((value) => jsonObjectSchema.safeParse(value).success);

/** A fault in the ledger: all that its keeper needs to undo it, and to tell whether that is safe. */
const faultRefSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("kill"), ...broken, supervisor: z.boolean() }),
  z.object({ type: z.literal("freeze"), ...broken, supervisor: z.boolean() }),
  /** Stopped and held back by `postgres/fence` or `postgres/switchover`. */
  z.object({ type: z.literal("fence"), ...broken }),
  z.object({ type: z.literal("partition"), ...broken, undo: undoSchema }),
  z.object({ type: z.literal("disk-full"), ...broken, undo: undoSchema }),
  z.object({
    type: z.literal("replication-cut"),
    system: sceneSchema,
    cuts: z.array(z.object({ node: z.string(), undo: undoSchema })),
  }),
]);
export type FaultRef = z.infer<typeof faultRefSchema>;
export type NodeFaultRef = Exclude<FaultRef, { type: "replication-cut" }>;

/** Null for a locator that is none. */
export function readFaultRef(locator: JsonObject): FaultRef | null {
  return faultRefSchema.safeParse(locator).data ?? null;
}

export function faultLocator(ref: FaultRef): JsonObject {
  // Parsed once more: what is not in the schema does not go into the journal.
  return JSON.parse(JSON.stringify(faultRefSchema.parse(ref))) as JsonObject; // made of JSON values by its schema
}

export function faultScene({ name, nodes, credentials }: SystemSnapshot): FaultRef["system"] {
  return sceneSchema.parse({ name, nodes, credentials });
}

/** The system as far as its servers can be asked; what else the inventory said of it is not known here. */
export function faultSystem({ system: { name, nodes, credentials } }: FaultRef): SystemSnapshot {
  return {
    name,
    engine: "postgresql",
    environment: "unlabelled",
    owner: null,
    tier: null,
    tags: {},
    endpoints: { primary: null, replicas: [] },
    credentials,
    nodes,
    client: { hosts: nodes.map(({ endpoint }) => endpoint), targetSessionAttrs: "any" },
    backups: [],
    heartbeat: null,
    newest: null,
    objectives: { rtoMs: null, rpoMs: null },
    extra: {},
  };
}
