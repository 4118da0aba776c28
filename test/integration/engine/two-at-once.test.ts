import { expect, test } from "vitest";
import { listRuns } from "../../../src/engine/list-runs.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { promotions, things } from "../../support/engine-world.ts";
import { type Owner, type OwnerStage, ownerStage } from "../../support/owner-stage.ts";

const ROUNDS = 25;

/** Told the same in one breath; each says what came of it. */
async function race(owners: readonly [Owner, Owner], order: string) {
  for (const owner of owners) owner.tell(order);
  const said = await Promise.all(owners.map((owner) => owner.next()));
  const winner = said.findIndex(([word]) => word === "running");
  const [other] = said.filter((_, index) => index !== winner);
  return { winner: owners[winner], runId: said[winner]?.[1] ?? "", refusal: (other ?? []).join(" ") };
}

async function finish(owner: Owner | undefined): Promise<void> {
  owner?.tell("halt");
  expect((await owner?.next())?.[0]).toBe("ended");
}

async function pair(stage: OwnerStage): Promise<readonly [Owner, Owner]> {
  return [stage.owner(), stage.owner()];
}

test("of two that begin a run on one system at the same time one works, and the other says who has it", async () => {
  await using stage = await ownerStage();
  const owners = await pair(stage);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const { winner, runId, refusal } = await race(owners, "run waiting");
    expect(refusal).toMatch(
      new RegExp(
        `^refused SYSTEM_BUSY System orders is held by run ${runId} \\(process ${winner?.pid} on test-host, since .*Z\\)`,
        "u",
      ),
    );
    while ((await promotions(stage.world)).length < round) await new Promise((resolve) => setImmediate(resolve));
    await finish(winner);
    expect(await promotions(stage.world)).toHaveLength(round);
  }
  const runs = await listRuns(stage.state, systemClock().bootId);
  expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: ROUNDS }, () => "finished"));
  expect(await things(stage.world)).toEqual([]);
});

test("of two that take over a run at the same time one goes on with it, and the other says who", async () => {
  await using stage = await ownerStage();
  let owners = await pair(stage);
  const [first] = owners;
  first.tell("run waiting");
  const [, runId = ""] = await first.next();
  let epoch = 1;
  for (let round = 1; round <= 8; round += 1) {
    const [dying, left] = owners;
    const fresh = stage.owner();
    dying.signal("SIGKILL");
    await dying.ended;
    const { winner, refusal } = await race([left, fresh], `resume ${runId}`);
    expect(refusal).toMatch(
      new RegExp(
        `^refused RUN_LOCKED The run in .*${runId} is (owned|being taken over) by process ${winner?.pid}\\b`,
        "u",
      ),
    );
    epoch += 1;
    const loser = winner === left ? fresh : left;
    owners = [winner ?? left, loser];
  }
  await finish(owners[0]);
  const [run] = await listRuns(stage.state, systemClock().bootId);
  expect(run).toMatchObject({ runId, status: "finished", owner: { epoch } });
  expect((await promotions(stage.world)).length).toBeLessThanOrEqual(1);
  expect(await things(stage.world)).toEqual([]);
});
