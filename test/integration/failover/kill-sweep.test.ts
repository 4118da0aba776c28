import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCliLab } from "../../support/cli-lab.ts";
import { type HaTemplate, haTemplate } from "../../support/ha-cluster.ts";
import type { GoingOn } from "../../support/kill-going-on.ts";
import { type KillRound, roundText } from "../../support/kill-round.ts";
import { SWEPT, sweptRound } from "../../support/kill-sweep.ts";
import {
  killRestore,
  restoreFaults,
  type RestoreRound,
  type RestoreScene,
  restoreScene,
  restoreText,
} from "../../support/restore-kill.ts";

/** A few instants of the sweep in test/long, chosen so that each of its kinds is there. */
const resume: GoingOn = { how: "resume", killedAfterMs: null };
const clean: GoingOn = { how: "clean", killedAfterMs: null };
const killed = (going: GoingOn, killedAfterMs: number): GoingOn => ({ ...going, killedAfterMs });
const common = { nodes: 2, victim: "nothing else", supervised: false } as const;

const FAILOVERS: readonly Omit<KillRound, "seed">[] = [
  {
    ...common,
    playbook: "failover-replica",
    instant: { after: "promote", delayMs: 15 },
    victim: "both canaries",
    recovery: [resume],
  },
  {
    ...common,
    playbook: "failover-replica",
    instant: { after: "service", delayMs: 0 },
    victim: "primary",
    recovery: [killed(resume, 600), clean],
  },
  {
    ...common,
    playbook: "switchover-replica",
    instant: { after: "promotion", delayMs: 20 },
    recovery: [killed(resume, 500), resume],
  },
  {
    ...common,
    playbook: "failover-data-loss",
    nodes: 3,
    instant: { after: "rebuild", delayMs: 100 },
    victim: "standby",
    supervised: true,
    recovery: [resume],
  },
];

const RESTORES: readonly Omit<RestoreRound, "seed">[] = [
  { instant: { after: "restore", delayMs: 250 }, victim: "sandbox", recovery: [resume] },
  { instant: { after: "indexes", delayMs: 0 }, victim: "server", recovery: [killed(clean, 400), clean] },
];

describe("a failover whose orchestrator is killed: one promotion, one primary, the true loss, nothing left", () => {
  let templates: Readonly<Record<2 | 3, HaTemplate>>;
  beforeAll(async () => {
    const names = [["a", "b"] as const, ["a", "b", "c"] as const] as const;
    templates = {
      2: await haTemplate({ ...SWEPT, names: names[0] }),
      3: await haTemplate({ ...SWEPT, names: names[1] }),
    };
  });
  afterAll(async () => {
    for (const template of Object.values(templates)) await template[Symbol.asyncDispose]();
  });

  test.each(FAILOVERS.map((round, seed) => [roundText({ ...round, seed }), { ...round, seed }] as const))(
    "%s",
    async (_text, round) => {
      const { kills, fault } = await sweptRound(templates[round.nodes], round);
      expect(fault).toBeNull();
      expect(kills).toBeGreaterThan(0);
    },
  );
});

describe("a restore whose orchestrator is killed: all the data or no pass, nothing left", () => {
  let scene: RestoreScene;
  beforeAll(async () => void (scene = await restoreScene(await makeCliLab())));
  afterAll(() => scene.lab[Symbol.asyncDispose]());

  test.each(RESTORES.map((round, seed) => [restoreText({ ...round, seed }), { ...round, seed }] as const))(
    "%s",
    async (_text, round) => {
      const killedRestore = await killRestore(scene, round);
      expect(restoreFaults(killedRestore)).toEqual([]);
      expect(killedRestore.kills).toBeGreaterThan(0);
    },
  );
});
