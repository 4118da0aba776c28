import { expect } from "vitest";
import type { HaTemplate } from "./ha-cluster.ts";
import { type Promoted, requireSound } from "./interrupted-drill.ts";
import { type KilledDrill, killDrill } from "./kill-drill.ts";
import { faultsOf } from "./kill-faults.ts";
import { recordsIn, recordText } from "./kill-instant.ts";
import type { KillRound } from "./kill-round.ts";

/** Of the clusters that are swept. */
export const SWEPT = { settings: { track_commit_timestamp: "on", wal_retrieve_retry_interval: "100ms" } };

export interface SweptRound {
  /** How often an orchestrator was killed in it. */
  readonly kills: number;
  /** What came of it, in a few words. */
  readonly text: string;
  /** What is wrong, with what is needed to understand it; null: nothing. */
  readonly fault: string | null;
}

export async function sweptRound(template: HaTemplate, round: KillRound): Promise<SweptRound> {
  let swept: SweptRound = { kills: 0, text: "it did not end", fault: null };
  let story = "";
  try {
    await killDrill(template, round, async (drill) => {
      swept = { ...swept, kills: drill.kills, text: textOf(drill) };
      story = storyOf(drill);
      expect(faultsOf(drill)).toEqual([]);
      await requireSound(drill, promotedIn(drill));
    });
    return swept;
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...swept, fault: `${what}\n${story}` };
  }
}

function promotedIn({ recorded, round, kills, result }: KilledDrill): Promoted {
  const steps = recorded.filter(({ data }) => data["step"] === "promote" || data["step"] === "switch");
  const passed = result?.result === "passed" || result?.result === "passed_with_deviations";
  if (kills === 0 || passed || steps.some(({ type }) => type === "step.succeeded")) return "yes";
  return steps.length === 0 && round.recovery.every(({ how }) => how === "clean") ? "no" : "either";
}

function textOf({ kills, result, server, truth }: KilledDrill): string {
  const lost = result?.loss.lostAcknowledged;
  const loss = lost?.status === "measured" ? `${lost.lost} lost` : "loss not measured";
  const died = server === null ? "" : `, ${server} died`;
  const verdict =
    result === null ? "it had not begun" : `${result.result}, ${loss}${truth.asked() ? "" : " (not compared)"}`;
  return `${kills} kills${died}; ${verdict}`;
}

/** What is needed to understand a round that went wrong. */
function storyOf({ desk, recorded, result, end, cleans, after, killedUs }: KilledDrill): string {
  return [
    `killed at ${killedUs} us, with ${recorded.length} records`,
    ...recordsIn(desk.state).map(recordText),
    JSON.stringify(result?.reasons, null, 1),
    `end: ${end.code} ${end.stderr.slice(-2000)}`,
    `clean: ${cleans[0].stdout}${cleans[0].stderr}`,
    JSON.stringify(after, null, 1),
  ].join("\n");
}
