import type { ShippedFailover } from "./failover-run.ts";
import { drawGoingOn, drawInstant, type GoingOn, goingOnText, type Pace } from "./kill-going-on.ts";
import { instantText, type KillInstant } from "./kill-instant.ts";
import { seeded } from "./seeded.ts";

/** What dies in the same moment as the orchestrator. */
export type Victim = "nothing else" | "writers" | "prober" | "both canaries" | "primary" | "standby";

/** One failover or switchover whose orchestrator is killed, all of it drawn from one number. */
export interface KillRound {
  readonly seed: number;
  readonly playbook: ShippedFailover;
  readonly nodes: 2 | 3;
  readonly instant: KillInstant;
  readonly victim: Victim;
  /** Whether a supervisor starts a killed server again before anybody goes on with the run; else a person does when all is over. */
  readonly supervised: boolean;
  readonly recovery: readonly GoingOn[];
}

/** As seen on two cores with other work; a little less, so that most instants come before the end. Constants: a seed draws the same again. */
const PACES: Readonly<Record<ShippedFailover, Pace>> = {
  "failover-replica": { records: 72, ms: 5000 },
  "failover-data-loss": { records: 80, ms: 5500 },
  "switchover-replica": { records: 58, ms: 3000 },
};

export function drawRound(seed: number): KillRound {
  const draw = seeded(seed);
  const playbook = draw.pick("failover-replica", "failover-replica", "failover-data-loss", "switchover-replica");
  const pace = PACES[playbook];
  const nodes = draw.pick(2, 2, 2, 3);
  const instant = drawInstant(draw, pace);
  const dying = draw.pick<Victim>("writers", "prober", "both canaries", "primary", "primary", "standby");
  const victim = draw.pick("nothing else", dying);
  return {
    seed,
    playbook,
    nodes,
    instant,
    victim,
    supervised: draw.pick(true, false),
    recovery: drawGoingOn(draw, pace),
  };
}

/** For people, in one line. */
export function roundText({ seed, playbook, nodes, instant, victim, supervised, recovery }: KillRound): string {
  const again = supervised ? ", started again at once" : ", started again at the end";
  const also = `${victim}${victim === "primary" || victim === "standby" ? again : ""}`;
  return `seed ${seed}: ${playbook}, ${nodes} nodes, killed at ${instantText(instant)} with ${also}; ${goingOnText(recovery)}`;
}
