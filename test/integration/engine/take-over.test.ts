import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { listRuns } from "../../../src/engine/list-runs.ts";
import { resumeRun, startResume } from "../../../src/engine/resume-run.ts";
import { runDir } from "../../../src/engine/state/state-directory.ts";
import { writeOwner, readOwner } from "../../../src/engine/state/run-owner.ts";
import { identityOf } from "../../../src/support/process-identity.ts";
import { containing } from "../../support/engine-matchers.ts";
import { promotions, things } from "../../support/engine-world.ts";
import { removals } from "../../support/owner-world.ts";
import { type Hit, type Owner, type OwnerStage, ownerStage, untilStill } from "../../support/owner-stage.ts";

const SEIZURE = { who: "ada", reason: "it stands still" };
/** The owner is left alive: what keeps it from acting is the fence alone. */
const LEFT_ALIVE = { endOwner: () => Promise.resolve() };

/** Where the owner stands still, on its way through a run that makes a thing, promotes, and removes the thing. */
const INSTANTS: readonly (readonly [string, string, number])[] = [
  ["before-append", "step.started", 2],
  ["in-write", "resource.planned", 1],
  ["in-sync", "resource.planned", 1],
  ["after-append", "resource.planned", 1],
  ["after-sync", "resource.planned", 1],
  ["before-effect", "promote", 1],
  ["after-effect", "promote", 1],
  ["before-append", "step.succeeded", 2],
  ["in-write", "step.succeeded", 2],
  ["after-append", "step.succeeded", 2],
  ["after-sync", "step.succeeded", 2],
  ["before-effect", "destroy", 1],
  ["after-effect", "destroy", 1],
  ["before-append", "run.finished", 1],
];

async function stoppedAt(
  stage: OwnerStage,
  hit: Hit,
  plan = "system",
): Promise<{ readonly owner: Owner; readonly runId: string }> {
  const owner = stage.owner(hit);
  owner.tell(`run ${plan}`);
  const [, runId = ""] = await owner.next();
  await untilStill(owner.pid);
  return { owner, runId };
}

/** One of the thing, or two where a thing was planned and not made by the first owner, and one more where that had done it. */
async function expectRemovals(stage: OwnerStage, [at, about]: readonly [string, string, number]): Promise<void> {
  const planned = about === "resource.planned" && at !== "in-write" ? 2 : 1;
  const done = at === "after-effect" && about === "destroy" ? 1 : 0;
  expect(await removals(stage.world)).toBe(planned + done);
}

const journalOf = (stage: OwnerStage, runId: string): string => join(runDir(stage.state, runId), "journal.jsonl");

describe("an owner that stood still", () => {
  test.each(INSTANTS)("%s of %s and goes on after its run was taken over does nothing more", async (...at) => {
    await using stage = await ownerStage();
    const { owner, runId } = await stoppedAt(stage, [...at, "SIGSTOP"]);
    const bench = await stage.bench(LEFT_ALIVE);
    const { outcome } = await startResume(runId, bench.deps, SEIZURE);
    const { result } = await outcome;
    expect(result).toMatchObject({ run: { epochs: 2 }, cleanup: { status: "verified" } });
    const journal = await readFile(journalOf(stage, runId), "utf8");

    owner.signal("SIGCONT");
    expect((await owner.next()).slice(0, 2)).toEqual(["refused", "STALE_OWNER"]);
    expect(await readFile(journalOf(stage, runId), "utf8")).toBe(journal);
    expect(await promotions(stage.world)).toEqual([`${runId}/promote/1`]);
    expect(await things(stage.world)).toEqual([]);
    const { records } = await readJournal(journalOf(stage, runId));
    await expectRemovals(stage, at);
    expect(records.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toEqual(records.map(({ epoch }) => epoch));
  });
});

test("an owner that stood still while it waited tells its step to stop, although that records nothing", async () => {
  await using stage = await ownerStage();
  const owner = stage.owner();
  owner.tell("run waiting");
  const [, runId = ""] = await owner.next();
  while (!(await readFile(journalOf(stage, runId), "utf8")).includes('/wait/1"'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  owner.signal("SIGSTOP");
  await untilStill(owner.pid);
  const { deps } = await stage.bench(LEFT_ALIVE);
  const run = await startResume(runId, deps, SEIZURE);
  run.halt({ by: "signal", reason: "enough", who: null });
  await run.outcome;
  owner.signal("SIGCONT");
  expect((await owner.next()).slice(0, 2)).toEqual(["refused", "STALE_OWNER"]);
});

test("nor does it begin a step where no system is held that would keep it from that", async () => {
  await using stage = await ownerStage();
  const { owner, runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"], "free");
  const { deps } = await stage.bench(LEFT_ALIVE);
  await (
    await startResume(runId, deps, SEIZURE)
  ).outcome;
  owner.signal("SIGCONT");
  expect((await owner.next()).slice(0, 2)).toEqual(["refused", "STALE_OWNER"]);
  expect(await promotions(stage.world)).toEqual([`${runId}/promote/1`]);
});

describe("taking a run from an owner that lives", () => {
  test("ends it first, says so on the record, and goes on", async () => {
    await using stage = await ownerStage();
    const { owner, runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"]);
    const bench = await stage.bench();
    const { outcome } = await startResume(runId, bench.deps, SEIZURE);
    await outcome;
    expect(await owner.ended).toBe("SIGKILL");
    expect(bench.records.find((record) => record.type === "deviation")).toMatchObject({
      data: {
        code: "OWNER_ENDED",
        message: containing(
          `process ${owner.pid} on test-host (epoch 1), which was stopped: by ada, because: it stands`,
        ),
      },
    });
    expect(await promotions(stage.world)).toEqual([`${runId}/promote/1`]);
  });

  test("is not done by itself: who resumes is told that the owner stands still", async () => {
    await using stage = await ownerStage();
    const { owner, runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"]);
    const { deps } = await stage.bench();
    await expect(resumeRun(runId, deps)).rejects.toMatchObject({
      code: "RUN_LOCKED",
      hint: containing("--take-over"),
      details: { pid: owner.pid, stopped: true },
    });
    expect(await listRuns(stage.state, deps.clock.bootId)).toMatchObject([{ status: "running", ownerStopped: true }]);
    expect(await promotions(stage.world)).toEqual([]);
  });

  test.each([
    ["a process that has the number of the one that is named", { startTicks: 1 }, "which has ended"],
    ["a process of another boot or machine", { bootId: "another" }, "of another boot"],
    ["a process that does not hold the lock", { pid: process.ppid }, "has ended"],
  ])("is refused for %s, and nothing is ended", async (_, forged, why) => {
    await using stage = await ownerStage();
    const { owner, runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"]);
    const dir = runDir(stage.state, runId);
    const named = await readOwner(dir);
    if (named === null) throw new Error("the owner has named itself");
    await writeOwner(dir, { ...named, ...forged });
    const { deps } = await stage.bench();
    await expect(startResume(runId, deps, SEIZURE)).rejects.toMatchObject({
      code: "OWNER_UNKNOWN",
      message: containing(why),
    });
    await untilStill(owner.pid);
  });

  test("is refused for one whose lock the kernel says somebody else holds", async () => {
    await using stage = await ownerStage();
    const { runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"]);
    const other = stage.owner();
    const dir = runDir(stage.state, runId);
    const named = await readOwner(dir);
    const { deps } = await stage.bench();
    const living = identityOf(other.pid, deps.clock.bootId);
    if (named === null || living === null) throw new Error("both live");
    await writeOwner(dir, { ...named, ...living });
    await expect(startResume(runId, deps, SEIZURE)).rejects.toMatchObject({
      code: "OWNER_UNKNOWN",
      message: containing("the kernel names another"),
    });
  });

  test("is done by one at a time", async () => {
    await using stage = await ownerStage();
    const { runId } = await stoppedAt(stage, ["before-effect", "promote", 1, "SIGSTOP"]);
    const ending = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const slow = await stage.bench({
      endOwner: () => {
        reached.resolve();
        return ending.promise;
      },
    });
    const first = startResume(runId, slow.deps, SEIZURE);
    await reached.promise;
    const { deps } = await stage.bench();
    await expect(startResume(runId, deps, SEIZURE)).rejects.toMatchObject({
      code: "RUN_LOCKED",
      message: containing("is being taken over"),
    });
    ending.resolve();
    await (
      await first
    ).outcome;
  });
});
