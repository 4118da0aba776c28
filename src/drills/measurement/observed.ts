import type { Fact } from "../facts.ts";
import type { PhaseName } from "../phases.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { type FactOf, type SeenFact, seenFacts, withoutKind, withStep } from "./fact-view.ts";
import type { Observed } from "./observed-schema.ts";
import { observedFailover } from "./observed-failover.ts";

/** Phases in which a step looks at the recovered copy; a survivor seen before them is one of the live system. */
const ON_THE_COPY: ReadonlySet<PhaseName | null> = new Set(["recover", "verify", "hold"]);
const onTheCopy = ({ phase }: Pick<SeenFact, "phase">): boolean => ON_THE_COPY.has(phase);

/** The facts of a run, the last of each kind where there is one truth (a retried restore says it again). */
export function observedOf(plan: Plan, records: readonly Recorded[]): Observed {
  const seen = <K extends Fact["kind"]>(kind: K): readonly SeenFact<K>[] => seenFacts(plan, records, kind);
  return {
    source: strip(seen("recovery_source").at(-1)),
    recoveryPoint: strip(seen("recovery_point").filter(onTheCopy).at(-1)),
    survivors: seen("newest_survivor").filter(onTheCopy).map(withStep),
    transfers: seen("transfer").map(withStep),
    replays: seen("replay").map(withStep),
    isolation: seen("isolation").flatMap(({ step, fact }) => fact.probes.map((probe) => ({ ...probe, step }))),
    server: strip(seen("server_settings").at(-1)),
    ...observedFailover(seen),
  };
}

function strip<K extends Fact["kind"]>(seen: SeenFact<K> | undefined): Omit<FactOf<K>, "kind"> | null {
  return seen === undefined ? null : withoutKind(seen.fact);
}
