import type { BackupRef } from "../../drills/backup-ref.ts";
import { formatDuration } from "../../support/duration.ts";
import type { BackupProblem } from "../ports/backup-source.ts";
import type { Selection } from "./find-input.ts";

export interface SelectionQuestion {
  /** Newest first. */
  readonly backups: readonly BackupRef[];
  readonly selection: Selection;
  readonly maxAgeMs: number | undefined;
  readonly minAgeMs: number | undefined;
  readonly nowWallUs: number;
  /** [0, 1). */
  random(): number;
}

export type SelectionAnswer =
  | {
      readonly kind: "selected";
      readonly backup: BackupRef;
      readonly candidates: number;
      readonly reason: string;
      readonly problems: readonly BackupProblem[];
    }
  | { readonly kind: "none"; readonly problem: BackupProblem };

/** Pure. Age limits narrow `oldest` and `random`; for the others they are checked on the backup that was chosen. */
export function selectBackup(question: SelectionQuestion): SelectionAnswer {
  const { selection, minAgeMs, maxAgeMs } = question;
  const oldEnough = question.backups.filter(
    (backup) => minAgeMs === undefined || atLeast(backup, minAgeMs, question.nowWallUs),
  );
  const [newest] = oldEnough;
  if (newest === undefined)
    return none(
      "BACKUP_TOO_YOUNG",
      `none of ${question.backups.length} backups is at least ${formatDuration(minAgeMs ?? 0)} old`,
    );
  const isNarrowed = selection.kind === "oldest" || selection.kind === "random";
  const pool = isNarrowed
    ? oldEnough.filter((backup) => ageProblem(backup, maxAgeMs, question.nowWallUs) === undefined)
    : oldEnough;
  if (pool.length === 0)
    return {
      kind: "none",
      problem: ageProblem(newest, maxAgeMs, question.nowWallUs) ?? { code: "BACKUP_NONE", message: "no backup" },
    };
  const chosen = choose(pool, selection, question);
  if (chosen.kind === "none") return chosen;
  const problem = ageProblem(chosen.backup, maxAgeMs, question.nowWallUs);
  return { ...chosen, candidates: pool.length, problems: problem === undefined ? [] : [problem] };
}

type Chosen =
  | { readonly kind: "selected"; readonly backup: BackupRef; readonly reason: string }
  | Extract<SelectionAnswer, { kind: "none" }>;

function choose(pool: readonly BackupRef[], selection: Selection, question: SelectionQuestion): Chosen {
  const of = `of ${pool.length}`;
  switch (selection.kind) {
    case "newest":
      return picked(pool[0], `newest ${of}`);
    case "oldest":
      return picked(pool.at(-1), `oldest ${of}`);
    case "random": {
      const draw = question.random();
      return picked(pool[Math.floor(draw * pool.length)], `random ${of}, draw ${draw.toFixed(9)} from the run's seed`);
    }
    case "id": {
      const found = pool.find((backup) => backup.id === selection.id);
      return found === undefined
        ? none("BACKUP_NOT_FOUND", `no backup has the id ${selection.id}; there are ${listIds(pool)}`)
        : picked(found, `id:${selection.id}`);
    }
    case "before": {
      const found = pool.find((backup) => endOf(backup) !== null && (endOf(backup) ?? 0) < selection.wallUs);
      return found === undefined
        ? none("BACKUP_NOT_FOUND", `no backup ended before ${selection.text}; there are ${listIds(pool)}`)
        : picked(found, `newest that ended before ${selection.text}`);
    }
    default:
      return selection satisfies never;
  }
}

function picked(backup: BackupRef | undefined, reason: string): Chosen {
  return backup === undefined ? none("BACKUP_NONE", "no backup") : { kind: "selected", backup, reason };
}

/** Microseconds since the backup ended (or began, where the end is not known); null when neither is. */
export function ageUs(backup: BackupRef, nowWallUs: number): number | null {
  const end = endOf(backup);
  return end === null ? null : nowWallUs - end;
}

function endOf(backup: BackupRef): number | null {
  return backup.endedWallUs ?? backup.startedWallUs;
}

function atLeast(backup: BackupRef, minAgeMs: number, nowWallUs: number): boolean {
  const age = ageUs(backup, nowWallUs);
  return age !== null && age >= minAgeMs * 1000;
}

/** Later than the present by more than two clocks may differ: the time is wrong, so its age says nothing. */
const FUTURE_US = 60_000_000;

function ageProblem(backup: BackupRef, maxAgeMs: number | undefined, nowWallUs: number): BackupProblem | undefined {
  const age = ageUs(backup, nowWallUs);
  if (age !== null && age < -FUTURE_US)
    return {
      code: "BACKUP_FROM_FUTURE",
      message: `backup ${backup.id} is dated ${formatDuration(Math.floor(-age / 1_000_000) * 1000)} ahead of now (${backup.timeFrom})`,
      hint: "A clock is wrong, here or where the backup was taken, or its label was written by hand: the age of backups cannot be told until it is found.",
    };
  if (maxAgeMs === undefined) return undefined;
  if (age === null)
    return {
      code: "BACKUP_AGE_UNKNOWN",
      message: `the age of backup ${backup.id} is unknown: its times have a zone that names no offset (${backup.timeFrom})`,
      hint: "Set log_timezone of the server to UTC.",
    };
  if (age <= maxAgeMs * 1000) return undefined;
  return {
    code: "BACKUP_TOO_OLD",
    message: `backup ${backup.id} is ${formatDuration(Math.floor(age / 1_000_000) * 1000)} old, at most ${formatDuration(maxAgeMs)} is allowed`,
    hint: "Find out why there is no newer one: a backup job that stopped is what this drill is for.",
  };
}

function none(code: string, message: string): Extract<SelectionAnswer, { kind: "none" }> {
  return { kind: "none", problem: { code, message } };
}

function listIds(backups: readonly BackupRef[]): string {
  const shown = backups.slice(0, 10).map((backup) => backup.id);
  return shown.join(", ") + (backups.length > shown.length ? `, and ${backups.length - shown.length} more` : "");
}
