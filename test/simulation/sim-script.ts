import type { PlanStep } from "../../src/drills/plan.ts";
import type { Chance } from "./chance.ts";

/** How an effect takes being told to stop. */
export type Manner = "at once" | "slowly" | "too slowly" | "never" | "succeeds anyway" | "breaks" | "subject";

export type Deed =
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "make"; readonly what: "directory" | "fault"; readonly stuck: boolean }
  | { readonly kind: "act" | "note" | "fact" | "secret" | "remove" | "halt" | "T0" | "survivor" | "hold" | "progress" };

export type Ending =
  | "done"
  | "no"
  | "looked at nothing"
  | "transient"
  | "permanent"
  | "timeout"
  | "subject"
  | "plain error"
  | "own abort"
  | "hangs"
  | "bad outputs"
  | "secret outputs";

/** What one attempt of one step will do. */
export interface Script {
  readonly deeds: readonly Deed[];
  readonly manner: Manner;
  readonly ending: Ending;
  readonly n: number;
  /** Whether something of it goes on after its end. */
  readonly trails: boolean;
}

/** `trouble` from 0 (all goes well) to 1. */
export function scriptOf(step: PlanStep, trouble: number, chance: Chance): Script {
  return {
    deeds: deedsOf(step, trouble, chance),
    manner: chance.weighted({
      "at once": 6,
      slowly: 2,
      "too slowly": trouble,
      never: trouble,
      "succeeds anyway": trouble * 2,
      breaks: trouble,
      subject: trouble * 0.5,
    }),
    ending: endingOf(step, trouble, chance),
    n: chance.below(101),
    trails: chance.happens(0.1),
  };
}

function deedsOf({ uses, phase }: PlanStep, trouble: number, chance: Chance): readonly Deed[] {
  const wait = (): Deed => ({
    kind: "wait",
    ms: chance.happens(trouble * 0.12) ? chance.between(4000, 40_000) : chance.between(1, 900),
  });
  const make = (): Deed => ({
    kind: "make",
    what: chance.pick(["directory", "directory", "fault"]),
    stuck: chance.happens(trouble * 0.06),
  });
  const deeds: Deed[] = [wait()];
  if (uses === "sim/make") {
    for (let left = chance.between(1, 3); left > 0; left -= 1) deeds.push(make(), wait());
    if (chance.happens(0.2)) deeds.push({ kind: "remove" });
  }
  if (uses === "sim/strike" && chance.happens(0.4)) deeds.push(make());
  if (uses === "sim/once" || uses === "sim/blind" || uses === "sim/strike") deeds.push({ kind: "act" }, wait());
  if (phase === "disaster") deeds.push({ kind: "T0" });
  if (uses === "drill/hold") deeds.push({ kind: "hold" });
  if (uses === "sim/check" && chance.happens(0.5)) deeds.push({ kind: "survivor" });
  if (chance.happens(0.3)) deeds.push({ kind: "fact" });
  if (chance.happens(0.3)) deeds.push({ kind: "progress" });
  if (chance.happens(trouble * 0.15)) deeds.push({ kind: "note" });
  if (chance.happens(0.08)) deeds.push({ kind: "secret" });
  if (chance.happens(trouble * 0.02)) deeds.push({ kind: "halt" });
  return deeds;
}

function endingOf({ role, uses }: PlanStep, trouble: number, chance: Chance): Ending {
  const bad = trouble * 0.5;
  return chance.weighted({
    done: 14,
    no: role === "check" && uses !== "drill/hold" ? bad * 2 : 0,
    "looked at nothing": role === "check" ? bad : 0,
    transient: bad * 2,
    permanent: bad,
    timeout: bad * 0.5,
    subject: bad,
    "plain error": bad * 0.5,
    "own abort": bad * 0.5,
    hangs: bad * 0.8,
    "bad outputs": bad * 0.3,
    "secret outputs": bad * 0.3,
  });
}
