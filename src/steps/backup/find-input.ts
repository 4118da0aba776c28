import { z } from "zod";
import { parseRecoveryTarget, type RecoveryTarget } from "../../drills/recovery-target.ts";
import { durationMs } from "../../support/duration.ts";
import type { TimelineChoice } from "../ports/backup-source.ts";

/** Which of the backups found. */
export type Selection =
  | { readonly kind: "newest" }
  | { readonly kind: "oldest" }
  | { readonly kind: "random" }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "before"; readonly wallUs: number; readonly text: string };

export const findInput = z.strictObject({
  system: z
    .string()
    .optional()
    .describe("System of the inventory whose backups are meant; must be the one under drill. Default: that one."),
  select: z
    .string()
    .transform(toSelection)
    .prefault("newest")
    .describe("`newest`, `oldest`, `random`, `id:<id>` or `before:<time with zone>`. Default `newest`."),
  maxAge: durationMs().optional().describe("Oldest backup that is acceptable, counted from its end."),
  minAge: durationMs().optional().describe("Backups younger than this are left aside."),
  until: z
    .string()
    .transform(toTarget)
    .prefault("latest")
    .describe(
      "Recovery target that WAL must reach: `latest`, `immediate`, a time with zone, an LSN or `name:<restore point>`. Default `latest`.",
    ),
  timeline: z
    .union([z.literal("latest"), z.literal("current"), z.number().int().positive()])
    .prefault("latest")
    .describe("Timeline to recover along: `latest` follows promotions, `current` stays, or a number."),
});
export type FindInput = z.output<typeof findInput> & { readonly timeline: TimelineChoice };

function toSelection(text: string, context: z.RefinementCtx): Selection {
  if (text === "newest" || text === "oldest" || text === "random") return { kind: text };
  if (text.startsWith("id:") && text.length > 3) return { kind: "id", id: text.slice(3) };
  const time = text.startsWith("before:") ? parseRecoveryTarget(text.slice(7)) : undefined;
  if (time?.kind === "time") return { kind: "before", wallUs: time.wallUs, text: time.text };
  context.addIssue({
    code: "custom",
    message: "BACKUP_SELECT: this selects no backup\nnewest, oldest, random, id:<id> or before:<time with zone>",
    input: text,
  });
  return z.NEVER;
}

function toTarget(text: string, context: z.RefinementCtx): RecoveryTarget {
  const target = parseRecoveryTarget(text);
  if (target !== undefined) return target;
  context.addIssue({
    code: "custom",
    message:
      "RECOVERY_TARGET: this is no recovery target\nlatest, immediate, a time with zone, an LSN such as 16/B374D848, or name:<restore point>",
    input: text,
  });
  return z.NEVER;
}
