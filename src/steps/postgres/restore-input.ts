import { z } from "zod";
import { backupRefSchema } from "../../drills/backup-ref.ts";
import { parseRecoveryTarget } from "../../drills/recovery-target.ts";
import { sandboxRefSchema } from "../../drills/sandbox-ref.ts";

/** What `postgres/restore` takes. `reserved`: settings that the safe profile owns. */
export function restoreInput(reserved: ReadonlySet<string>) {
  return z.object({
    backup: backupRefSchema.describe("The base backup, as `backup/find` gives it."),
    into: sandboxRefSchema.describe(
      "Where the copy runs, as `sandbox/create` gives it. What an earlier restore left there is removed.",
    ),
    until: z
      .string()
      .refine(
        (text) => parseRecoveryTarget(text) !== undefined,
        "expected latest, immediate, an LSN, a time with zone, or name:<restore point>",
      )
      .default("latest")
      .describe(
        "`latest`, `immediate` (end of the backup), an LSN, a time with zone (`2026-11-21T03:00:00Z`), or `name:<restore point>`.",
      ),
    timeline: z
      .union([z.enum(["latest", "current"]), z.number().int().min(1).max(0xffff_ffff)])
      .default("latest")
      .describe(
        "`latest` follows promotions that happened after the backup, `current` stays on the backup's timeline, a number names one.",
      ),
    finish: z
      .enum(["promote", "pause"])
      .default("promote")
      .describe("`promote` opens the copy for writes; `pause` leaves it read-only at its target."),
    durability: z
      .enum(["production", "throwaway"])
      .default("production")
      .describe("`throwaway` switches fsync off: faster, and the measured time is optimistic."),
    superuser: z.string().min(1).max(63).default("postgres").describe("A superuser that is in the backup."),
    database: z.string().min(1).max(63).default("postgres").describe("The database that later steps connect to."),
    settings: settingsSchema(reserved),
    preload: z
      .array(z.string().regex(/^[A-Za-z0-9_-]{1,63}$/u, "expected the name of a library"))
      .max(32)
      .default([])
      .describe(
        "Libraries to preload (`shared_preload_libraries`). None unless named; known schedulers among them stay switched off.",
      ),
  });
}

function settingsSchema(reserved: ReadonlySet<string>) {
  return z
    .record(z.string(), z.union([z.string().max(1000), z.number(), z.boolean()]))
    .superRefine((settings, issues) => {
      for (const name of Object.keys(settings)) {
        const complaint = complaintAbout(name, reserved);
        if (complaint !== null) issues.addIssue({ code: "custom", message: complaint, path: [name] });
      }
    })
    .default({})
    .describe("Server settings of the copy, such as `shared_buffers`. Those that keep it harmless cannot be set.");
}

function complaintAbout(name: string, reserved: ReadonlySet<string>): string | null {
  const lower = name.toLowerCase();
  if (!/^[a-z_][a-z0-9_$]*(?:\.[a-z_][a-z0-9_$]*)?$/u.test(lower)) return "not the name of a server setting";
  if (reserved.has(lower) || lower.startsWith("recovery_target")) return "this setting is fixed for a restored copy";
  return null;
}

/** As the server writes them. */
export function settingTexts(
  settings: Readonly<Record<string, string | number | boolean>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === "boolean" ? (value ? "on" : "off") : String(value),
    ]),
  );
}
