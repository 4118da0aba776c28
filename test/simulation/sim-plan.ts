import { PHASES, type PhaseName } from "../../src/drills/phases.ts";
import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import type { StopCondition } from "../../src/drills/stop-condition.ts";
import { planOf, type StepParts } from "../support/engine-plan.ts";
import type { Chance } from "./chance.ts";

/** What a `when:` comes to, as whoever wrote it knows; null: it depends on the outputs of that step (`n > 50`). */
export type Wanted = boolean | "fault" | { readonly step: string };

export interface SimPlan {
  readonly plan: Plan;
  /** By step with a `when:`. */
  readonly wanted: ReadonlyMap<string, Wanted>;
  readonly confirm: string | null;
}

type Kind = keyof typeof KINDS;
/** What kinds of step there are; their code is in sim-steps.ts. */
const KINDS = {
  read: { uses: "sim/read", effect: "read", role: "action", idempotent: true },
  make: { uses: "sim/make", effect: "sandbox", role: "action", idempotent: true },
  once: { uses: "sim/once", effect: "sandbox", role: "action", idempotent: false },
  blind: { uses: "sim/blind", effect: "sandbox", role: "action", idempotent: false },
  strike: { uses: "sim/strike", effect: "disruptive", role: "action", idempotent: false },
  check: { uses: "sim/check", effect: "read", role: "check", idempotent: true },
  approval: { uses: "approval", effect: "read", role: "action", idempotent: true },
  declare: { uses: "disaster/declare", effect: "read", role: "action", idempotent: true },
  hold: { uses: "drill/hold", effect: "read", role: "check", idempotent: true },
} as const satisfies Readonly<Record<string, Pick<PlanStep, "uses" | "effect" | "role" | "idempotent">>>;

const MIX: Readonly<Record<PhaseName, Partial<Record<Kind, number>>>> = {
  prepare: { read: 3, make: 2, check: 2, approval: 1, once: 1, strike: 0.3 },
  disaster: { strike: 2, read: 1, once: 1 },
  recover: { make: 3, once: 3, strike: 3, read: 1, approval: 0.7, blind: 0.5, check: 0.5 },
  verify: { check: 4, read: 1, make: 0.5 },
  hold: { hold: 1 },
  return: { strike: 1, make: 1, read: 1 },
};

const OFTEN: Readonly<Record<PhaseName, number>> = {
  prepare: 0.6,
  disaster: 0.8,
  recover: 0.95,
  verify: 0.95,
  hold: 0.3,
  return: 0.35,
};

export function simPlan(chance: Chance, trouble: number): SimPlan {
  const wanted = new Map<string, Wanted>();
  const steps: StepParts[] = [];
  for (const phase of PHASES) {
    if (!chance.happens(OFTEN[phase])) continue;
    const graph = chance.happens(0.4);
    const count = phase === "hold" ? 1 : chance.between(1, graph ? 5 : 3);
    const own: StepParts[] = [];
    for (let at = 0; at < count; at += 1)
      own.push(simStep(phase, { at, graph, own, all: steps, wanted, trouble }, chance));
    steps.push(...own);
  }
  if (steps.length === 0) steps.push({ id: "verify_0", phase: "verify", ...KINDS.check });
  const strikes = steps.some(({ effect }) => effect === "disruptive");
  const system = chance.happens(strikes ? 0.97 : 0.7)
    ? simSystem(
        chance,
        steps.some(({ uses }) => uses === "approval"),
      )
    : null;
  const plan = planOf(steps, {
    objectives: objectives(chance),
    params: { yes: true, no: false },
    system,
    guardrails: { allowProduction: chance.happens(0.9), stopWhen: stopConditions(chance) },
  });
  return {
    plan: withPhaseTimes(plan, chance, trouble),
    wanted,
    confirm: chance.happens(0.9) ? (system?.name ?? null) : null,
  };
}

interface Place {
  readonly at: number;
  readonly graph: boolean;
  readonly own: readonly StepParts[];
  readonly all: readonly StepParts[];
  readonly wanted: Map<string, Wanted>;
  readonly trouble: number;
}

function simStep(phase: PhaseName, place: Place, chance: Chance): StepParts {
  const id = `${phase}_${place.at}`;
  const first = phase === "disaster" && place.at === 0 && chance.happens(0.7);
  // Weights of the kinds of this phase; the rest have none.
  const kind = first ? "declare" : chance.weighted(MIX[phase] as Record<Kind, number>);
  const signature = KINDS[kind];
  const needs = place.graph ? place.own.map((step) => step.id).filter(() => chance.happens(0.4)) : null;
  return {
    id,
    phase,
    ...signature,
    title: `${kind} of ${phase}`,
    required: chance.happens(0.85),
    creates: kind === "make" || kind === "once" || kind === "strike" ? ["directory", "fault"] : [],
    with: inputOf(kind, place, chance),
    ...(needs === null ? {} : { needs, after: null }),
    when: kind === "hold" ? null : whenOf(id, place, chance),
    expect: signature.role === "action" && kind !== "approval" && kind !== "declare" ? expectOf(place, chance) : null,
    timeoutMs: kind === "approval" ? 40_000 : chance.between(3, 20) * 1000,
    retry: {
      attempts: chance.happens(0.4) ? chance.between(2, 3) : 1,
      delayMs: chance.between(1, 40) * 100,
      on: chance.pick([["transient"], ["transient", "timeout"], ["timeout"]]),
    },
  };
}

function inputOf(kind: Kind, { own, all, trouble }: Place, chance: Chance): PlanStep["with"] {
  if (kind === "approval") return { question: "Go on?", timeout: `${chance.between(5, 30)}s` };
  if (kind === "declare" || kind === "hold") return {};
  const before = [...all, ...own].filter(({ uses }) => uses?.startsWith("sim/") === true);
  const from = before[chance.below(before.length)];
  if (from === undefined || !chance.happens(trouble > 0 ? 0.25 : 0.1)) return {};
  return { from: `\${{ steps.${from.id}.outputs.n }}`, of: from.id };
}

function whenOf(id: string, { all, wanted, trouble }: Place, chance: Chance): string | null {
  const choice = chance.weighted({ none: 10, yes: 1, no: 0.7, fault: trouble * 0.4, outputs: 1 });
  const say = (text: string, value: Wanted): string => {
    wanted.set(id, value);
    return text;
  };
  if (choice === "yes") return say("params.yes", true);
  if (choice === "no") return say("params.no", false);
  if (choice === "fault") return say("steps.nobody.outputs.n > 1", "fault");
  const before = all.filter(({ uses }) => uses?.startsWith("sim/") === true);
  const from = before[chance.below(before.length)];
  if (choice === "none" || from === undefined) return null;
  return say(`has(steps.${from.id}) && steps.${from.id}.outputs.n > 50`, { step: from.id });
}

function expectOf({ trouble }: Place, chance: Chance): string | null {
  const choice = chance.weighted({ none: 10, yes: 1, no: trouble * 0.5, fault: trouble * 0.3 });
  if (choice === "yes") return "outputs.n >= 0";
  if (choice === "no") return "outputs.n < 0";
  return choice === "fault" ? "outputs.nothing > 1" : null;
}

function objectives(chance: Chance): Plan["objectives"] {
  const rtoMs = chance.happens(0.5) ? chance.between(1, 60) * 1000 : null;
  const rpoMs = chance.happens(0.3) ? chance.between(1, 60) * 1000 : null;
  return {
    rtoMs,
    rpoMs,
    holdMs: chance.happens(0.3) ? chance.between(1, 3) * 1000 : 0,
    clock: chance.pick(["total", "technical"]),
    setBy: { rto: rtoMs === null ? null : "playbook", rpo: rpoMs === null ? null : "playbook" },
  };
}

/** Production is drilled where somebody is asked, and now and then where nobody is. */
function simSystem(chance: Chance, asked: boolean): SystemSnapshot {
  const environment = chance.happens(asked ? 0.7 : 0.05)
    ? chance.pick(["production", "unlabelled"] as const)
    : chance.pick(["staging", "test"] as const);
  const none = { owner: null, tier: null, tags: {}, backups: [], heartbeat: null, newest: null, extra: {}, nodes: [] };
  return {
    name: "orders",
    engine: "postgresql",
    environment,
    endpoints: { primary: null, replicas: [] },
    credentials: { user: null, password: null, database: null, replication: null },
    client: { hosts: [], targetSessionAttrs: "any" },
    objectives: { rtoMs: null, rpoMs: null },
    ...none,
  };
}

function stopConditions(chance: Chance): readonly StopCondition[] {
  return Array.from({ length: chance.pick([0, 0, 1, 2]) }, (_, index) => ({
    title: `condition-${index}`,
    look: { kind: "http", url: "http://127.0.0.1/health", status: 200 } as const,
    everyMs: chance.between(1, 6) * 1000,
    breaches: chance.between(1, 3),
    timeoutMs: chance.between(200, 2000),
    whenUnknown: chance.pick(["continue", "continue", "stop"]),
  }));
}

/** Now and then a phase has less time than its steps may take. */
function withPhaseTimes(plan: Plan, chance: Chance, trouble: number): Plan {
  const phases = plan.phases.map((phase) =>
    chance.happens(trouble * 0.25) ? { ...phase, timeoutMs: chance.between(500, 12_000) } : phase,
  );
  return { ...plan, phases };
}
