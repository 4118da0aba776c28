import { describe, expect, test } from "vitest";
import { fencedJournal, fencedKeeper, fencedStep } from "../../../src/engine/fence.ts";
import type { RunHold } from "../../../src/engine/state/run-hold.ts";
import { FiredrillError } from "../../../src/support/errors.ts";
import { stepContext } from "../../support/checks-context.ts";
import { FakeKeeper, fakeStep } from "../../support/engine-bench.ts";

/** A hold that is lost when the test says so. */
function losable(): RunHold & { lose(): void } {
  let lost = false;
  const stale = new FiredrillError("STALE_OWNER", "lost");
  return {
    lost: new Promise(() => {}),
    requireHeld() {
      if (lost) throw stale;
    },
    isLost: () => lost,
    lose: () => void (lost = true),
    [Symbol.dispose]: () => undefined,
  };
}

const STALE = { code: "STALE_OWNER" };

describe("the journal of an owner", () => {
  test("is not written once the run is lost", async () => {
    const hold = losable();
    const written: string[] = [];
    const file = fencedJournal({ write: async (text) => void written.push(text), sync, close: sync }, hold);
    await file.write("one");
    hold.lose();
    await expect(file.write("two")).rejects.toMatchObject(STALE);
    expect(written).toEqual(["one"]);
  });

  test("acknowledges nothing when the run was lost while it was synced", async () => {
    const hold = losable();
    const file = fencedJournal({ write: sync, sync: async () => hold.lose(), close: sync }, hold);
    await file.write("one");
    await expect(file.sync()).rejects.toMatchObject(STALE);
  });
});

test("steps, their questions and removals do not begin once the run is lost", async () => {
  const hold = losable();
  const did: string[] = [];
  const plain = fakeStep(
    "test/act",
    () => {
      did.push("run");
      return { kind: "done", outputs: {} };
    },
    {
      reconcile: async () => {
        did.push("reconcile");
        return { kind: "did_not_happen" };
      },
    },
  );
  const step = fencedStep(plain, hold);
  const things = new FakeKeeper("directory");
  const keeper = fencedKeeper(things, hold);
  await step.run({}, stepContext());
  hold.lose();
  await expect(step.run({}, stepContext())).rejects.toMatchObject(STALE);
  await expect(step.reconcile?.({}, stepContext())).rejects.toMatchObject(STALE);
  await expect(keeper.destroy({ name: "a" }, AbortSignal.timeout(1000))).rejects.toMatchObject(STALE);
  expect([did, things.destroyed]).toEqual([["run"], []]);
});

async function sync(): Promise<void> {}
