import { z } from "zod";
import { backupRefSchema } from "../../src/drills/backup-ref.ts";
import { databaseRefSchema } from "../../src/drills/database-ref.ts";
import { expectation } from "../../src/drills/expectation.ts";
import { sandboxRefSchema } from "../../src/drills/sandbox-ref.ts";
import type { StepCatalogue, StepSignature } from "../../src/drills/step-signature.ts";
import { durationMs } from "../../src/support/duration.ts";

/** Signatures like those of the library, for tests of the language: no code behind them. */
function signature(uses: string, rest: Partial<StepSignature>): readonly [string, StepSignature] {
  const base: StepSignature = {
    uses,
    summary: `Fake ${uses}`,
    role: "action",
    effect: "read",
    idempotent: true,
    with: z.object({}),
    outputs: z.object({}),
    creates: [],
    defaultTimeoutMs: 60_000,
    needsSystem: false,
  };
  return [uses, { ...base, ...rest }];
}

function withoutTimeout([uses, { defaultTimeoutMs: _none, ...rest }]: readonly [string, StepSignature]): readonly [
  string,
  StepSignature,
] {
  return [uses, rest];
}

export const langCatalogue: StepCatalogue = new Map([
  signature("backup/find", {
    with: z.object({
      system: z.string().optional(),
      select: z.enum(["newest", "oldest", "random"]).default("newest"),
      maxAge: durationMs().optional(),
    }),
    outputs: z.object({ backup: backupRefSchema }),
    phases: ["prepare", "recover"],
    needsSystem: true,
  }),
  signature("disaster/declare", { phases: ["disaster"] }),
  signature("disaster/kill", { phases: ["disaster"], effect: "disruptive", needsSystem: true }),
  signature("sandbox/create", {
    with: z.object({ kind: z.enum(["process"]), ttl: durationMs() }),
    outputs: z.object({ sandbox: sandboxRefSchema }),
    effect: "sandbox",
    idempotent: false,
    creates: ["sandbox-process"],
  }),
  signature("postgres/restore", {
    with: z.object({
      backup: backupRefSchema,
      into: sandboxRefSchema,
      until: z.string().default("latest"),
      parallel: z.int().min(1).max(64).default(4),
      settings: z.record(z.string(), z.string()).default({}),
    }),
    outputs: z.object({ database: databaseRefSchema, files: z.int(), bytes: z.int() }),
    effect: "sandbox",
    idempotent: false,
    phases: ["recover"],
  }),
  signature("verify/sql", {
    role: "check",
    with: z.object({ on: databaseRefSchema, query: z.string().min(1), expect: expectation() }),
    outputs: z.object({ rows: z.int(), value: z.unknown() }),
  }),
  signature("postgres/amcheck", { role: "check", with: z.object({ on: databaseRefSchema }) }),
  signature("drill/hold", { phases: ["hold"], with: z.object({ for: durationMs() }) }),
  signature("approval", { with: z.object({ question: z.string() }) }),
  signature("postgres/replica-status", { role: "check", needsSystem: true }),
  withoutTimeout(signature("slow/wait", {})),
]);
