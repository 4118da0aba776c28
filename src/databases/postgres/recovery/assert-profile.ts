import type { Isolation } from "../../../drills/facts.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session } from "../../../steps/ports/postgres.ts";

/** What the server answers where that is not the value itself: this one shows only while `archive_mode` is off. */
const ANSWERS: Readonly<Record<string, string>> = { archive_command: "(disabled)" };

/** Asks the running server for every setting that keeps it harmless. Throws `SANDBOX_PROFILE` when one differs. */
export async function assertProfile(session: Session, expected: Readonly<Record<string, string>>): Promise<Isolation> {
  const names = Object.keys(expected);
  const rows = await session.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name = any($1)",
    [names],
  );
  const actual = new Map(rows.map(({ name, setting }) => [name, setting]));
  const probes = names.map((name) => {
    const wanted = ANSWERS[name] ?? expected[name] ?? "";
    const seen = actual.get(name) ?? "(no such setting)";
    return { probe: `setting ${name}`, expected: wanted, actual: seen, ok: seen === wanted };
  });
  const wrong = probes.filter(({ ok }) => !ok);
  if (wrong.length === 0) return { kind: "isolation", probes };
  const list = wrong
    .map(({ probe, expected: wanted, actual: seen }) => `${probe} is "${seen}", must be "${wanted}"`)
    .join("; ");
  throw new StepError("permanent", "SANDBOX_PROFILE", `the restored server does not have the safe profile: ${list}`, {
    hint: "nothing was opened for writes; the server was stopped",
  });
}
