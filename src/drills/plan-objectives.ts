import type { Planning } from "./build-plan.ts";
import type { Objectives } from "./plan.ts";

/** The playbook's targets come first, then the system's. */
export function planObjectives({ input, system }: Planning): Objectives {
  const { rto, rpo, hold, clock } = input.playbook.spec.objectives;
  const inherited = system?.objectives ?? { rtoMs: null, rpoMs: null };
  return {
    rtoMs: rto ?? inherited.rtoMs,
    rpoMs: rpo ?? inherited.rpoMs,
    holdMs: hold ?? 0,
    clock,
    setBy: { rto: setBy(rto, inherited.rtoMs), rpo: setBy(rpo, inherited.rpoMs) },
  };
}

function setBy(written: number | undefined, inherited: number | null): "playbook" | "inventory" | null {
  if (written !== undefined) return "playbook";
  return inherited === null ? null : "inventory";
}
