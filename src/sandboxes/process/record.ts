import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** `sandbox.json`: whose a sandbox is. Written by us, not writable for the server in it. */
const recordSchema = z.object({
  schemaVersion: z.literal("firedrill/sandbox/v1"),
  id: z.string(),
  labels: z.object({ installation: z.string(), run: z.string(), epoch: z.number().int(), title: z.string() }),
  /** The orchestrator that made it. */
  owner: z.object({ pid: z.number().int(), startTicks: z.number().int(), bootId: z.string() }),
  uid: z.number().int(),
  gid: z.number().int(),
  fence: z.enum(["network-namespace", "settings"]),
  ttlMs: z.number().int(),
  createdWallUs: z.number().int(),
  createdMonoUs: z.number().int(),
  expiresWallUs: z.number().int(),
});
export type SandboxRecord = z.infer<typeof recordSchema>;

const processSchema = z.object({ pid: z.number().int(), startTicks: z.number().int(), bootId: z.string() });

/** `watchdog.json`: the process that ends the sandbox, and whose network namespace is the sandbox's; and the one that stands in for it. */
const watchdogSchema = processSchema.extend({ second: processSchema.nullable().default(null) });
export type WatchdogRecord = z.infer<typeof watchdogSchema>;

export async function writeRecord(dir: string, record: SandboxRecord): Promise<void> {
  await writeFile(join(dir, "sandbox.json"), `${JSON.stringify(record, null, 2)}\n`, { flag: "wx", mode: 0o600 });
}

/** Null when it is not there or not readable as one: see the age rule of the keeper. */
export function readRecord(dir: string): SandboxRecord | null {
  return read(join(dir, "sandbox.json"), recordSchema);
}

export async function writeWatchdog(dir: string, record: WatchdogRecord): Promise<void> {
  await writeFile(join(dir, "watchdog.json"), `${JSON.stringify(record)}\n`, { flag: "wx", mode: 0o600 });
}

export function readWatchdog(dir: string): WatchdogRecord | null {
  return read(join(dir, "watchdog.json"), watchdogSchema);
}

function read<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data ?? null;
  } catch {
    return null;
  }
}
