import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { idPrefix } from "../../../src/sandboxes/process/layout.ts";
import { processSandboxes } from "../../../src/sandboxes/process/sandboxes.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { exists, harness, locatorOf, quiet, running, soon } from "../../support/sandbox-harness.ts";

describe("the keeper", () => {
  test("lists what bears the installation's id, with its run, title and living owner", async () => {
    await using h = harness();
    const ref = await h.make({ title: "process sandbox of step x" });
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toEqual([
      { run: "run-1", title: "process sandbox of step x", locator: locatorOf(ref), ownerAlive: true },
    ]);
  });

  test("a state directory without sandboxes has none", async () => {
    await using h = harness();
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toEqual([]);
  });

  test("another installation's sandbox in the same folder is neither listed nor touched", async () => {
    await using h = harness();
    const ref = await h.make();
    const other = processSandboxes({ stateDir: h.stateDir, clock: systemClock(), installation: "other", log: quiet });
    expect(await other.keeper.list("other", soon())).toEqual([]);
    await expect(other.keeper.destroy(locatorOf(ref), soon())).rejects.toMatchObject({ code: "SANDBOX_FOREIGN" });
    expect(exists(ref.dir)).toBe(true);
  });

  test("one that lies under an id of ours and bears a similar name of another installation is not touched", async () => {
    await using h = harness();
    const owners = [
      `${h.installation}x`,
      h.installation.slice(0, -1),
      `x${h.installation}`,
      h.installation.toUpperCase(),
    ];
    for (const installation of owners) {
      const ref = await h.make();
      const file = join(ref.dir, "sandbox.json");
      const record = JSON.parse(readFileSync(file, "utf8")) as { labels: object }; // our own file
      writeFileSync(file, JSON.stringify({ ...record, labels: { ...record.labels, installation } }));
      expect(await h.sandboxes.keeper.list(h.installation, soon())).toEqual([]);
      const refused = h.sandboxes.keeper.destroy(locatorOf(ref), soon());
      await expect(refused).rejects.toMatchObject({ code: "SANDBOX_FOREIGN" });
      expect(exists(ref.dir)).toBe(true);
      writeFileSync(file, JSON.stringify(record));
      await h.sandboxes.keeper.destroy(locatorOf(ref), soon());
    }
  });

  test("one that should have ended long ago has no owner any more, however alive that is", async () => {
    await using h = harness();
    const ref = await h.make({ ttlMs: 600_000 });
    const file = join(ref.dir, "sandbox.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as { createdMonoUs: number }; // our own file
    const madeAt = (createdMonoUs: number): void => writeFileSync(file, JSON.stringify({ ...record, createdMonoUs }));
    madeAt(record.createdMonoUs - 600_000_000);
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toMatchObject([{ ownerAlive: true }]);
    madeAt(record.createdMonoUs - 631_000_000);
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toMatchObject([{ ownerAlive: false }]);
  });

  test("an owner whose pid now belongs to another process is dead", async () => {
    await using h = harness();
    const ref = await h.make();
    const file = join(ref.dir, "sandbox.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as { owner: { startTicks: number } }; // our own file
    writeFileSync(
      file,
      JSON.stringify({ ...record, owner: { ...record.owner, startTicks: record.owner.startTicks + 1 } }),
    );
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toMatchObject([{ ownerAlive: false }]);
  });

  test("a nameless folder is left alone for a minute, then listed where its id says that it is ours", async () => {
    await using h = harness();
    const ref = await h.make();
    writeFileSync(join(ref.dir, "sandbox.json"), '{"schemaVersion": "firedrill/sandbox/v9"}');
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toEqual([]);
    makeOld(ref.dir);
    const [found] = await h.sandboxes.keeper.list(h.installation, soon());
    expect(found).toMatchObject({ run: "unknown", ownerAlive: false, locator: { id: ref.id, uid: ref.uid } });
    await h.sandboxes.keeper.destroy(found?.locator ?? {}, soon());
    expect(exists(ref.dir)).toBe(false);
  });

  test("a nameless folder whose id is not ours is reported and not touched", async () => {
    const warnings: unknown[] = [];
    await using h = harness({ log: { ...quiet, warn: (fields) => warnings.push(fields) } });
    const id = `${idPrefix("somebody else")}0123456789ab`;
    const dir = join(h.stateDir, "sandboxes", id);
    mkdirSync(dir, { recursive: true });
    makeOld(dir);
    expect(await h.sandboxes.keeper.list(h.installation, soon())).toEqual([]);
    expect(warnings).toEqual([{ dir, installation: "unknown" }]);
    const destroy = h.sandboxes.keeper.destroy({ id, dir, uid: 1, gid: 1 }, soon());
    await expect(destroy).rejects.toMatchObject({ code: "SANDBOX_FOREIGN" });
    expect(exists(dir)).toBe(true);
  });

  test("sandboxes and folders with similar names are not taken along", async () => {
    await using h = harness();
    const [one, two] = [await h.make(), await h.make()];
    const beside = `${one.dir}-data`;
    mkdirSync(beside);
    const sleep = { name: "sleep", argv: ["/bin/sleep", "1000"], env: {}, cwd: join(two.dir, "data") };
    const { pid } = await h.sandboxes.launch(two, sleep, soon());
    await h.sandboxes.keeper.destroy(locatorOf(one), soon());
    expect([exists(one.dir), exists(beside), exists(two.dir), running(pid)]).toEqual([false, true, true, true]);
    rmSync(beside, { recursive: true });
  });

  test.each([
    ["a path above", { dir: "/tmp/x/.." }],
    ["another folder", { dir: "/etc" }],
    ["an id with a path in it", { id: "sb-01234567-../../../etc" }],
    ["no id", { id: "" }],
    ["no user", { uid: null }],
  ])("a locator with %s is refused", async (_, change) => {
    await using h = harness();
    const ref = await h.make();
    const refused = expect.objectContaining({ code: "SANDBOX_LOCATOR" }) as unknown;
    await expect(h.sandboxes.keeper.destroy({ ...locatorOf(ref), ...change }, soon())).rejects.toEqual(refused);
    await expect(h.sandboxes.keeper.verifyGone({ ...locatorOf(ref), ...change }, soon())).rejects.toEqual(refused);
    expect(exists(ref.dir)).toBe(true);
  });
});

function makeOld(dir: string): void {
  const twoMinutesAgo = new Date(Date.now() - 120_000);
  utimesSync(dir, twoMinutesAgo, twoMinutesAgo);
}
