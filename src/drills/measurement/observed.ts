import type { Fact } from "../facts.ts";
import type { PhaseName } from "../phases.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { ofType } from "./journal-view.ts";
import type { Observed } from "./observed-schema.ts";

type FactOf<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;

/** Phases in which a step looks at the recovered copy; a survivor seen before them is one of the live system. */
const ON_THE_COPY: ReadonlySet<PhaseName> = new Set<PhaseName>(["recover", "verify", "hold"]);

/** The facts of a run, the last of each kind where there is one truth (a retried restore says it again). */
export function observedOf(plan: Plan, records: readonly Recorded[]): Observed {
  const facts = ofType(records, "fact").map(({ data }) => data);
  const phases = new Map(plan.steps.map((step) => [step.id, step.phase]));
  const copy = facts.filter(({ step }) => ON_THE_COPY.has(phases.get(step) ?? "prepare"));
  return {
    source: strip(last(facts, "recovery_source")),
    recoveryPoint: strip(last(copy, "recovery_point")),
    survivors: each(copy, "newest_survivor"),
    transfers: each(facts, "transfer"),
    replays: each(facts, "replay"),
    isolation: each(facts, "isolation").flatMap(({ step, probes }) => probes.map((probe) => ({ ...probe, step }))),
    server: strip(last(facts, "server_settings")),
  };
}

interface StepFact {
  readonly step: string;
  readonly fact: Fact;
}

function each<K extends Fact["kind"]>(
  facts: readonly StepFact[],
  kind: K,
): (Omit<FactOf<K>, "kind"> & { step: string })[] {
  return facts.flatMap(({ step, fact }) => (isKind(fact, kind) ? [{ ...withoutKind(fact), step }] : []));
}

function last<K extends Fact["kind"]>(facts: readonly StepFact[], kind: K): FactOf<K> | undefined {
  return facts.map(({ fact }) => fact).findLast((fact): fact is FactOf<K> => isKind(fact, kind));
}

function isKind<K extends Fact["kind"]>(fact: Fact, kind: K): fact is FactOf<K> {
  return fact.kind === kind;
}

function strip<F extends Fact>(fact: F | undefined): Omit<F, "kind"> | null {
  return fact === undefined ? null : withoutKind(fact);
}

function withoutKind<F extends Fact>(fact: F): Omit<F, "kind"> {
  const { kind: _, ...rest } = fact;
  return rest;
}
