import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { startResume } from "../../src/engine/resume-run.ts";
import { runDir } from "../../src/engine/state/state-directory.ts";
import { promotions, things } from "../support/engine-world.ts";
import { ownerStage, untilStill } from "../support/owner-stage.ts";

const STILL_MS = 60_000;

test("an owner that is stopped for a minute, and whose run is taken over meanwhile, does nothing more when it goes on", async () => {
  await using stage = await ownerStage();
  const owner = stage.owner();
  owner.tell("run waiting");
  const [, runId = ""] = await owner.next();
  while ((await promotions(stage.world)).length === 0) await delay(5);
  owner.signal("SIGSTOP");
  await untilStill(owner.pid);
  // The time itself is what is tried: timers that come due in it all fire at once afterwards.
  await delay(STILL_MS / 2);
  // What keeps it from acting is the fence alone: it is left alive.
  const { deps } = await stage.bench({ endOwner: () => Promise.resolve() });
  const run = await startResume(runId, deps, { who: "ada", reason: "it stands still" });
  run.halt({ by: "signal", reason: "enough", who: null });
  await run.outcome;
  const journal = await readFile(join(runDir(stage.state, runId), "journal.jsonl"), "utf8");
  await delay(STILL_MS / 2);
  owner.signal("SIGCONT");
  expect((await owner.next()).slice(0, 2)).toEqual(["refused", "STALE_OWNER"]);
  expect(await readFile(join(runDir(stage.state, runId), "journal.jsonl"), "utf8")).toBe(journal);
  expect([await promotions(stage.world), await things(stage.world)]).toEqual([[`${runId}/promote/1`], []]);
});
