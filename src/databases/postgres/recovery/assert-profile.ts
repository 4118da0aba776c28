import type { Isolation } from "../../../drills/facts.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session } from "../../../steps/ports/postgres.ts";

/** What the server answers where that is not the value itself: this one shows only while `archive_mode` is off. */
const ANSWERS: Readonly<Record<string, string>> = { archive_command: "(disabled)" };

/**
 * What our questions to the copy rest on. A superuser of the source could replace any of them (`create or replace function
 * pg_catalog...`); the server then runs that one. All are of language `internal` in every version.
 */
const RELIED_ON: ReadonlySet<string> = new Set([
  "current_setting",
  "pg_get_wal_replay_pause_state",
  "pg_is_in_recovery",
  "pg_is_wal_replay_paused",
  "pg_last_wal_replay_lsn",
  "pg_last_xact_replay_timestamp",
  "pg_promote",
  "pg_show_all_settings",
  "pg_stat_get_activity",
  "pg_wal_replay_pause",
  "pg_wal_replay_resume",
  "set_config",
  "texteq",
]);
/** Fixed oids (pg_namespace.dat, pg_language.dat). */
const PG_CATALOG = 11;
const INTERNAL_LANGUAGE = 12;

/** Asks the running server for every setting that keeps it harmless, and whether its answers are its own. Throws `SANDBOX_PROFILE` when one differs. */
export async function assertProfile(session: Session, expected: Readonly<Record<string, string>>): Promise<Isolation> {
  const names = Object.keys(expected);
  const rows = await session.query<{ name: string; setting: string }>(
    "select s.name, s.setting from pg_catalog.pg_show_all_settings() s where s.name operator(pg_catalog.=) any($1)",
    [names],
  );
  const actual = new Map(rows.map(({ name, setting }) => [name, setting]));
  const settings = names.map((name) => {
    const wanted = ANSWERS[name] ?? expected[name] ?? "";
    const seen = actual.get(name) ?? "(no such setting)";
    return { probe: `setting ${name}`, expected: wanted, actual: seen, ok: seen === wanted };
  });
  const probes = [await ownFunctions(session), ...settings];
  const wrong = probes.filter(({ ok }) => !ok);
  if (wrong.length === 0) return { kind: "isolation", probes };
  const list = wrong
    .map(({ probe, expected: wanted, actual: seen }) => `${probe} is "${seen}", must be "${wanted}"`)
    .join("; ");
  throw new StepError("permanent", "SANDBOX_PROFILE", `the restored server does not have the safe profile: ${list}`, {
    hint: "nothing was opened for writes; the server was stopped",
  });
}

/** Compared here: an operator of the server could be replaced as well. */
async function ownFunctions(session: Session): Promise<Isolation["probes"][number]> {
  const rows = await session.query<{ proname: string; pronamespace: number; prolang: number }>(
    "select p.proname, p.pronamespace, p.prolang from pg_catalog.pg_proc p",
  );
  const replaced = rows.filter(
    ({ proname, pronamespace, prolang }) =>
      RELIED_ON.has(proname) && pronamespace === PG_CATALOG && prolang !== INTERNAL_LANGUAGE,
  );
  const expected = "the server's own";
  const actual =
    replaced.length === 0 ? expected : `replaced by the backup: ${replaced.map(({ proname }) => proname).join(", ")}`;
  return { probe: "functions that tell its state", expected, actual, ok: replaced.length === 0 };
}
