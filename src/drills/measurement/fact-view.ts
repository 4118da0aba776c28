import type { Instant } from "../../support/clock.ts";
import type { Fact } from "../facts.ts";
import type { PhaseName } from "../phases.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { ofType } from "./journal-view.ts";
import type { Moment } from "./timeline.ts";

export type FactOf<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;

/** A fact with where in the journal it stands. */
export interface SeenFact<K extends Fact["kind"] = Fact["kind"]> {
  readonly fact: FactOf<K>;
  readonly step: string;
  readonly phase: PhaseName | null;
  readonly seq: number;
  readonly boot: string;
}

/** Facts of one kind, in journal order. */
export function seenFacts<K extends Fact["kind"]>(
  plan: Plan,
  records: readonly Recorded[],
  kind: K,
): readonly SeenFact<K>[] {
  const phases = new Map(plan.steps.map((step) => [step.id, step.phase]));
  return ofType(records, "fact").flatMap(({ data, seq, boot }) =>
    isKind(data.fact, kind)
      ? [{ fact: data.fact, step: data.step, phase: phases.get(data.step) ?? null, seq, boot }]
      : [],
  );
}

function isKind<K extends Fact["kind"]>(fact: Fact, kind: K): fact is FactOf<K> {
  return fact.kind === kind;
}

/** Phases after which a look at the data is a look at what was recovered. */
const AFTER_RECOVERY: ReadonlySet<PhaseName | null> = new Set(["recover", "verify", "hold", "return"]);
export const isAfterRecovery = ({ phase }: Pick<SeenFact, "phase">): boolean => AFTER_RECOVERY.has(phase);

/** The instant of a fact bears no boot of its own; it was read in the one in which the fact was recorded. */
export function momentIn({ boot }: Pick<SeenFact, "boot">, at: Instant, resolutionUs = 0): Moment {
  return { boot, monoUs: at.monoUs, wallUs: at.wallUs, resolutionUs };
}

/** What was said and who said it, as the result holds it. */
export function withStep<K extends Fact["kind"]>({
  fact,
  step,
}: SeenFact<K>): Omit<FactOf<K>, "kind"> & { step: string } {
  return { ...withoutKind(fact), step };
}

export function withoutKind<F extends Fact>(fact: F): Omit<F, "kind"> {
  const { kind: _, ...rest } = fact;
  return rest;
}
