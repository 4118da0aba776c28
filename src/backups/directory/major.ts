import { subjectError } from "./subject-error.ts";

/** `15\n` of PG_VERSION. Releases before 10 were written `9.6` and are older than anything restored here. */
export function parseMajor(text: string, path: string): number {
  const match = /^(\d{2})\n?$/u.exec(text);
  if (match?.[1] !== undefined) return Number(match[1]);
  throw subjectError({
    code: "BACKUP_VERSION_UNKNOWN",
    message: `${path}: PG_VERSION says ${JSON.stringify(text.slice(0, 20))}, expected a major version such as 15`,
  });
}
