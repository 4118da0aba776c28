import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import type { PatroniMember } from "../../../src/steps/ports/patroni.ts";
import { patroniFailoverStep } from "../../../src/steps/patroni/failover.ts";
import { patroniNodes } from "../../../src/steps/patroni/members.ts";
import { patroniSwitchoverStep } from "../../../src/steps/patroni/switchover.ts";
import { runStep } from "../../support/checks-context.ts";
import { containing } from "../../support/cli-matchers.ts";
import { lacksPatroni, type PatroniCluster, startPatroniCluster } from "../../support/patroni-cluster.ts";
import {
  beganAt,
  contextOn,
  leaderName,
  nodeControl,
  observed,
  patroniDeps,
  promotionOf,
  untilHealthy,
} from "../../support/patroni-scene.ts";

const signal = new AbortController().signal;
const reason = lacksPatroni();
const step = patroniSwitchoverStep(patroniDeps);
const auth = { user: "firedrill", password: "env:PATRONI_PASSWORD" };
const secrets = { "env:PATRONI_PASSWORD": "opensesame" };

/** In this order: each goes on with the cluster as the one before left it. */
describe.skipIf(reason !== undefined)(
  `a Patroni cluster of two${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    let cluster: PatroniCluster;
    beforeAll(async () => {
      cluster = await startPatroniCluster({ auth: { user: auth.user, password: "opensesame" } });
    });
    afterAll(() => cluster[Symbol.asyncDispose]());

    const lookAt = async (name: string) => {
      const node = patroniNodes(cluster.system).find((one) => one.name === name);
      if (node === undefined) throw new Error(`no node ${name}`);
      return patroniDeps.patroni.look(node, { timeoutMs: 2000, signal });
    };
    const switchOver = (input: z.input<typeof step.with>) => runStep(step, input, contextOn(cluster, { secrets }));

    test("its members and their roles are read from every node", async () => {
      for (const name of ["a", "b"]) {
        const look = await lookAt(name);
        expect(look).toMatchObject({ kind: "answered", role: name === "a" ? "primary" : "replica", state: "running" });
        const members = look.kind === "answered" && look.cluster.kind === "known" ? look.cluster.members : [];
        expect(members).toMatchObject([
          { name: "a", role: "leader", port: cluster.node("a").endpoint.port } satisfies Partial<PatroniMember>,
          { name: "b", role: "replica", nofailover: false } satisfies Partial<PatroniMember>,
        ]);
      }
    });

    test("without the login Patroni refuses, and nothing happens", async () => {
      await expect(runStep(step, {}, contextOn(cluster))).rejects.toMatchObject({
        class: "permanent",
        code: "PATRONI_DENIED",
      });
      expect(await leaderName(cluster)).toBe("a");
    });

    test("the leader itself, or a node nobody knows, cannot be asked for", async () => {
      await expect(switchOver({ to: "a" })).rejects.toMatchObject({ code: "PATRONI_ALREADY_LEADER" });
      await expect(switchOver({ to: "c" })).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    });

    test("a switchover: another leader runs, and what changed is recorded", async () => {
      const ctx = contextOn(cluster, { secrets });
      const { outputs } = await runStep(step, { auth }, ctx);
      const { host, port } = cluster.node("b").endpoint;
      expect(outputs).toMatchObject({ node: "b", timeline: 2, database: { host, port } });
      expect(outputs.lsn).toBe(await beganAt(cluster, "b", 2));
      expect(await leaderName(cluster)).toBe("b");

      expect(ctx.order).toEqual(["current"]);
      expect(ctx.recorded.facts.map(({ kind }) => kind)).toEqual(["replication", "service", "promotion", "fencing"]);
      const promotion = promotionOf(ctx);
      expect(promotion).toMatchObject({ node: "b", reason: "Patroni chose b", fromTimeline: 1, toTimeline: 2 });
      expect(promotion.candidates).toMatchObject([{ node: "b", unfit: null, timeline: 1 }]);
      expect(promotion.promoted.monoUs).toBeGreaterThan(promotion.asked.monoUs);
      expect(promotion.resolutionUs).toBeLessThanOrEqual(promotion.promoted.monoUs - promotion.asked.monoUs);
      expect(ctx.recorded.marks.map(({ mark }) => mark)).toEqual(["T4", "T5"]);
    });

    test("and back, to a node that is asked for", async () => {
      const before = await observed(cluster);
      expect(before).toMatchObject({ primary: "b" });
      await untilHealthy(cluster, "b");
      const ctx = contextOn(cluster, { secrets, replication: before });
      const { outputs } = await runStep(step, { to: "a", auth }, ctx);
      expect(outputs).toMatchObject({ node: "a", timeline: 3 });
      expect(promotionOf(ctx)).toMatchObject({ reason: "asked for", knownLsn: { from: "replica-status" } });
      expect(ctx.recorded.facts.map(({ kind }) => kind)).toEqual(["service", "promotion", "fencing"]);

      // After a crash of the orchestrator the same step asks the cluster what it did.
      const resumed = contextOn(cluster, { secrets, replication: before });
      const found = await step.reconcile?.(step.with.parse({ to: "a", auth }), resumed);
      expect(found).toMatchObject({ kind: "happened", outputs: { node: "a", timeline: 3 } });
      expect(promotionOf(resumed)).toMatchObject({ node: "a", reason: containing("interrupted") });
      const now = contextOn(cluster, { secrets, replication: await observed(cluster) });
      expect(await step.reconcile?.(step.with.parse({ auth }), now)).toEqual({ kind: "did_not_happen" });
      const nobodyLooked = await step.reconcile?.(step.with.parse({ auth }), contextOn(cluster, { secrets }));
      expect(nobodyLooked).toMatchObject({ kind: "unknown" });
    });

    test("a server that dies alone is started again in its place: no failover, and the step says so", async () => {
      const before = await observed(cluster);
      await untilHealthy(cluster, "a");
      await nodeControl(cluster).kill(cluster.node("a"), { supervisor: false }, signal);
      const ctx = contextOn(cluster, { replication: before });
      const waiting = runStep(patroniFailoverStep(patroniDeps), { within: "1s" }, ctx);
      await expect(waiting).rejects.toMatchObject({
        class: "subject",
        code: "PATRONI_NO_NEW_LEADER",
        message: containing("nobody took over from a within 1s"),
      });
      await untilHealthy(cluster, "a");
      expect(await leaderName(cluster)).toBe("a");
    });

    test("a failover to a named node, and then a paused cluster chooses nobody", async () => {
      await untilHealthy(cluster, "a");
      const ctx = contextOn(cluster, { secrets, replication: await untilHealthy(cluster, "a") });
      const { outputs } = await runStep(patroniFailoverStep(patroniDeps), { to: "b", auth, within: "60s" }, ctx);
      expect(outputs).toMatchObject({ node: "b" });
      expect(promotionOf(ctx)).toMatchObject({ reason: "asked for" });

      // After a crash of the orchestrator it runs again: what has happened is found, and nobody is asked.
      const again = contextOn(cluster, { secrets, replication: ctx.replication() });
      expect((await runStep(patroniFailoverStep(patroniDeps), { to: "b", auth }, again)).outputs).toEqual(outputs);
      expect(again.order).toEqual([]);

      await pause(cluster);
      await expect(switchOver({ auth })).rejects.toMatchObject({ class: "subject", code: "PATRONI_PAUSED" });
      const waiting = contextOn(cluster, { replication: await untilHealthy(cluster, "b") });
      await expect(runStep(patroniFailoverStep(patroniDeps), {}, waiting)).rejects.toMatchObject({
        code: "PATRONI_PAUSED",
      });
    });
  },
);

async function pause(cluster: PatroniCluster): Promise<void> {
  const login = Buffer.from(`${auth.user}:opensesame`).toString("base64");
  const response = await fetch(`${cluster.node("a").patroni}/config`, {
    method: "PATCH",
    headers: { authorization: `Basic ${login}` },
    body: JSON.stringify({ pause: true }),
  });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}
