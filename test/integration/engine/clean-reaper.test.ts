import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findMarked, markerOf } from "../../../src/canary/marked-processes.ts";
import { trafficProcessKeeper } from "../../../src/canary/process-keeper.ts";
import { cleanState } from "../../../src/engine/clean-state.ts";
import { tryLock } from "../../../src/engine/state/exclusive-lock.ts";
import { runDir } from "../../../src/engine/state/state-directory.ts";
import type { ResourceKeeper } from "../../../src/engine/step-contract.ts";
import { type Bench, engineBench, FakeKeeper } from "../../support/engine-bench.ts";

const signal = AbortSignal.timeout(60_000);
const RUN = "20200101-000000-aaaa";

function leave({ keeper }: Pick<Bench, "keeper">, ...titles: readonly string[]): void {
  for (const title of titles) {
    keeper.existing.add(title);
    keeper.found.push({ run: RUN, title, locator: { name: title }, ownerAlive: false });
  }
}

test("what belongs to a run that was taken over since it was listed is kept", async () => {
  await using bench = await engineBench();
  const dir = runDir(bench.deps.state.root, RUN);
  leave(bench, "theirs");
  let taken: Disposable | null = null;
  const racing: ResourceKeeper = {
    kind: "directory",
    destroy: (locator) => bench.keeper.destroy(locator),
    verifyGone: (locator) => bench.keeper.verifyGone(locator),
    async list() {
      await mkdir(dir);
      taken = tryLock(join(dir, "owner.lock"));
      return bench.keeper.list();
    },
  };
  const report = await cleanState({ ...bench.deps, keepers: [racing] }, signal);
  expect(report.resources).toMatchObject([{ kind: "kept", title: "theirs", reason: "its run is owned" }]);
  expect(bench.keeper.destroyed).toEqual([]);
  (taken as Disposable | null)?.[Symbol.dispose]();
});

test("a kind that cannot be listed keeps no other from being removed, and is told of", async () => {
  await using bench = await engineBench();
  leave(bench, "ours");
  const broken = new FakeKeeper("command");
  broken.list = () => Promise.reject(new Error("no permission"));
  const cleaning = cleanState({ ...bench.deps, keepers: [broken, bench.keeper] }, signal);
  await expect(cleaning).rejects.toMatchObject({ code: "CLEAN_LIST" });
  expect(bench.keeper.destroyed).toEqual(["ours"]);
});

test("one that hangs holds up no other", async () => {
  await using bench = await engineBench({ deps: { limits: { resourceMs: 1500 } } });
  const stuck = new FakeKeeper("command");
  stuck.hang = true;
  leave({ keeper: stuck }, "hangs");
  leave(bench, ...Array.from({ length: 20 }, (_, index) => `ours-${index}`));
  const others = Promise.withResolvers<void>();
  const destroy = bench.keeper.destroy.bind(bench.keeper);
  bench.keeper.destroy = async (locator) => {
    await destroy(locator);
    if (bench.keeper.destroyed.length === 20) others.resolve();
  };
  const cleaning = cleanState({ ...bench.deps, keepers: [stuck, bench.keeper] }, signal);
  await others.promise;
  const report = await cleaning;
  expect(report.resources.filter(({ kind }) => kind === "leftover")).toMatchObject([{ title: "hangs" }]);
  // Told last: the others were done before its time was over.
  expect(report.resources.at(-1)?.title).toBe("hangs");
});

test("processes that bear a similar name of another installation are neither listed nor ended", async () => {
  const ours = `test-${process.pid}`;
  const names = [ours, `${ours}x`, `x${ours}`, ours.slice(0, -1)];
  const children = names.map((installation) => {
    const [name = "", value = ""] = markerOf({ installation, run: RUN, id: "abc" }, "writer").split("=");
    return spawn("/bin/sleep", ["1000"], { env: { [name]: value }, stdio: "ignore" });
  });
  try {
    const keeper = trafficProcessKeeper();
    const found = await keeper.list(ours, signal);
    expect(found).toHaveLength(1);
    await keeper.destroy(found[0]?.locator ?? {}, signal);
    expect(names.map((installation) => findMarked({ installation }).length)).toEqual([0, 1, 1, 1]);
  } finally {
    for (const child of children) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
  }
});
