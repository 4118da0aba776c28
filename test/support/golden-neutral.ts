import { hostname, tmpdir, userInfo } from "node:os";
import { measure } from "../../src/drills/measure.ts";
import type { Plan } from "../../src/drills/plan.ts";
import { planSha256 } from "../../src/drills/plan-sha256.ts";
import type { RunResult } from "../../src/drills/result.ts";
import type { JournalRecord } from "../../src/drills/run-event.ts";
import { recorded } from "../../src/engine/journal/journal-record.ts";
import { PROJECT } from "./cli-lab.ts";
import { resealed } from "./resealed.ts";

/** What a run leaves, without a trace of the machine it ran on. */
export interface KeptRun {
  readonly plan: Plan;
  readonly records: readonly JournalRecord[];
  readonly journal: string;
  readonly result: RunResult;
}

/** Other names for the places of this machine, the longest first: a place may lie in another. */
export type Places = Readonly<Record<string, string>>;

/** The run with other places, host and boots, its plan's identity and its chain made anew. Throws when something of the machine is left. */
export function neutral(plan: Plan, records: readonly JournalRecord[], places: Places): KeptRun {
  const plain = replaced(plan, places);
  const hashes = { [planSha256(plan)]: planSha256(plain) };
  const boots = [...new Set(records.map(({ boot }) => boot))];
  const named = Object.fromEntries(
    boots.map((boot, index) => [boot, `00000000-0000-4000-8000-00000000000${index + 1}`]),
  );
  const sealed = resealed(replaced(withoutHost(records), { ...places, ...hashes, ...named }));
  const journal = sealed.map(({ line }) => line).join("");
  requireNeutral(`${journal}${JSON.stringify(plain)}`);
  const kept = sealed.map(({ record }) => record);
  return {
    plan: plain,
    records: kept,
    journal,
    result: measure(
      plain,
      kept.map((record) => recorded(record)),
    ),
  };
}

function withoutHost(records: readonly JournalRecord[]): readonly JournalRecord[] {
  return records.map((record) => {
    if (record.type !== "run.started") return record;
    // The event holds them as texts.
    return { ...record, data: { ...(record.data as object), host: "drill-host", user: "drill" } };
  });
}

/** As JSON text: a place stands in messages as well as by itself. */
function replaced<T>(value: T, places: Places): T {
  let text = JSON.stringify(value);
  for (const place of Object.keys(places).toSorted((a, b) => b.length - a.length))
    text = text.replaceAll(place, places[place] ?? "");
  // The same shape with other texts.
  return JSON.parse(text) as T;
}

/** Names that say nothing (`vm`) would be found everywhere. */
const TELLING = 5;

function requireNeutral(text: string): void {
  const telling = [PROJECT, process.execPath, hostname(), userInfo().homedir].filter((name) => name.length >= TELLING);
  const left = [...telling, `${tmpdir()}/`, "/tmp/"].find((name) => text.includes(name));
  if (left === undefined) return;
  const at = text.indexOf(left);
  throw new Error(`${left} is left in a journal: ${text.slice(Math.max(0, at - 80), at + 120)}`);
}
