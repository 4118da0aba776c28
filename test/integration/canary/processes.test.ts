import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findMarked } from "../../../src/canary/marked-processes.ts";
import { trafficProcessKeeper } from "../../../src/canary/process-keeper.ts";
import { trafficRefSchema } from "../../../src/drills/traffic-ref.ts";
import { isAlive } from "../../../src/support/process-identity.ts";
import { canaryClock, canaryLab, readSecret, until } from "../../support/canary-lab.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";

const { signal } = new AbortController();
const { bootId } = canaryClock;

let ha: HaCluster;
beforeAll(async () => {
  ha = await startHaCluster({ names: ["a"] });
});
afterAll(() => ha[Symbol.asyncDispose]());

/** Starts traffic, says so, and waits to be killed. */
const ENGINE = `
  const { createTraffic } = await import("./src/canary/traffic.ts");
  const { canaryDeps } = await import("./test/support/canary-lab.ts");
  const ref = await createTraffic(canaryDeps).start(JSON.parse(process.argv[1]), new AbortController().signal);
  console.log(JSON.stringify(ref));
  setInterval(() => undefined, 1000);
`;

test("the processes live on when the engine dies, and the next one finds them and starts no second copy", async () => {
  await using lab = canaryLab(ha);
  const { traffic, installation } = lab;
  const planned = lab.plan();
  await traffic.prepare(planned, signal);
  const engine = spawn(
    process.execPath,
    ["--no-warnings", "--input-type=module", "-e", ENGINE, JSON.stringify(planned)],
    {
      cwd: join(import.meta.dirname, "../../.."),
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [line] = (await once(engine.stdout, "data")) as [Buffer];
  const begun = trafficRefSchema.parse(JSON.parse(String(line)));
  engine.kill("SIGKILL");
  await once(engine, "exit");

  expect(isAlive(begun.writer, bootId) && isAlive(begun.prober, bootId)).toBe(true);
  using watch = await traffic.watch(begun);
  const { probes } = await watch.until(() => true, signal);
  await watch.until((view) => view.probes > probes + 3, signal);

  const found = await traffic.start(lab.plan(), signal);
  expect(found).toEqual(begun);
  expect(findMarked({ installation })).toHaveLength(2);
  await traffic.stop(found, "all", signal);
  expect(findMarked({ installation })).toEqual([]);
  const { counts } = await traffic.settle(found, null, signal);
  expect(counts).toMatchObject({ survived: counts.sent, unknown: 0, lost: 0 });
});

test("of two that are started at once only one of each kind stays", async () => {
  await using lab = canaryLab(ha);
  const { traffic, installation } = lab;
  const planned = lab.plan();
  await traffic.prepare(planned, signal);
  const [one, other] = await Promise.all([traffic.start(planned, signal), traffic.start(planned, signal)]);
  expect(one).toEqual(other);
  expect(
    findMarked({ installation })
      .map(({ role }) => role)
      .toSorted(),
  ).toEqual(["prober", "writer"]);
});

test("writers that are killed leave a ledger that can be read, and the next go on with the numbers behind", async () => {
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ intervalUs: 2000, writers: 3 });
  await traffic.prepare(planned, signal);
  const first = await traffic.start(planned, signal);
  process.kill(first.writer.pid, "SIGKILL");
  await until(() => !isAlive(first.writer, bootId));
  const after = await traffic.settle(first, null, signal);
  expect(after.counts).toMatchObject({ lost: 0, phantom: 0, duplicated: 0, survived: after.counts.acknowledged });

  const second = await traffic.start(planned, signal);
  expect(second.writer.pid).not.toBe(first.writer.pid);
  expect(second.prober).toEqual(first.prober);
  await expect(traffic.settle(second, null, signal)).rejects.toMatchObject({ code: "TRAFFIC_RUNNING" });
  await traffic.stop(second, "writers", signal);
  const { counts, gaps } = await traffic.settle(second, null, signal);
  expect(counts.sent).toBeGreaterThan(after.counts.sent);
  expect(counts).toMatchObject({ lost: 0, phantom: 0, duplicated: 0, altered: 0, survived: counts.acknowledged });
  expect(gaps).toBe(0);
  expect(await traffic.position(second)).not.toBeNull();
});

test("they end by themselves at their time to live, and a watch says that it sees nothing any more", async () => {
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ ttlMs: 3000 });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);
  await expect(watch.until(() => false, signal)).rejects.toMatchObject({ code: "TRAFFIC_GONE" });
  await until(() => findMarked({ id: ref.id }).length === 0);
  const ledger = await readFile(join(ref.dir, "writer.1.ledger"), "latin1");
  expect(ledger.trim().split("\n").at(-1)).toMatch(/^e \d+ ttl$/u);
});

test("the password stands in no argument, environment, or file", async () => {
  await using lab = canaryLab(ha);
  const { traffic, installation } = lab;
  const planned = lab.plan();
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  const password = await readSecret(ha.system.credentials.password ?? "");
  const places = findMarked({ installation }).flatMap(({ pid }) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
  const files = (await readdir(ref.dir)).map((name) => join(ref.dir, name));
  expect(places).toHaveLength(4);
  expect(files.length).toBeGreaterThan(3);
  for (const place of [...places, ...files]) {
    expect((await readFile(place, "latin1")).includes(password), place).toBe(false);
  }
  expect(JSON.stringify([planned, ref])).not.toContain(password);
});

test("a start that does not get through says what stood in its way, and leaves no process", async () => {
  await using lab = canaryLab(ha);
  const { traffic, installation } = lab;
  const planned = lab.plan({ answerTimeoutUs: 200_000 });
  await traffic.prepare(planned, signal);
  await using session = await ha.session("a");
  await session.query(`drop table ${planned.schema}.${planned.table}`);
  await expect(traffic.start(planned, signal)).rejects.toMatchObject({
    code: "TRAFFIC_START",
    class: "transient",
    message: expect.stringMatching(/writers: 42P01; prober: good/u) as unknown,
  });
  expect(findMarked({ installation })).toEqual([]);
});

test("an abort while it starts is obeyed, and leaves no process", async () => {
  await using lab = canaryLab(ha);
  const { traffic, installation } = lab;
  const planned = lab.plan();
  // No tables: it would wait until its time is over.
  await traffic.prepare({ ...planned, table: "canary_000000000000" }, signal);
  const abort = new AbortController();
  const starting = traffic.start(planned, abort.signal);
  await until(() => findMarked({ installation }).length === 2);
  abort.abort(new Error("halted"));
  await expect(starting).rejects.toThrow("halted");
  expect(findMarked({ installation })).toEqual([]);
});

test("the keeper finds processes of its installation by their mark alone, ends frozen ones too, and proves them gone", async () => {
  await using lab = canaryLab(ha);
  await using other = canaryLab(ha);
  const keeper = trafficProcessKeeper();
  const planned = lab.plan();
  const theirs = other.plan();
  await lab.traffic.prepare(planned, signal);
  await other.traffic.prepare(theirs, signal);
  const ref = await lab.traffic.start(planned, signal);
  await other.traffic.start(theirs, signal);
  process.kill(ref.prober.pid, "SIGSTOP");

  const found = await keeper.list(lab.installation, signal);
  expect(found).toMatchObject([{ run: "run-1", locator: planned.locators.processes, ownerAlive: false }]);
  const [{ locator } = { locator: {} }] = found;
  expect(await keeper.verifyGone(locator, signal)).toMatchObject({ gone: false });
  await keeper.destroy(locator, signal);
  await keeper.destroy(locator, signal);
  expect(await keeper.verifyGone(locator, signal)).toMatchObject({ gone: true });
  expect(findMarked({ installation: other.installation })).toHaveLength(2);
  await expect(keeper.destroy({ installation: lab.installation }, signal)).rejects.toMatchObject({
    code: "TRAFFIC_LOCATOR",
  });
});
