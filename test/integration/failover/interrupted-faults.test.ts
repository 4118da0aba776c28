import { afterAll, describe, expect, test } from "vitest";
import { findTool } from "../../../src/faults/run-tool.ts";
import { requireSound, SharedCluster, started } from "../../support/interrupted-drill.ts";

const filter =
  process.getuid?.() === 0 &&
  ((await findTool("nft", "/usr/sbin")) ?? (await findTool("iptables", "/usr/sbin"))) !== null;
const lack = filter ? "" : " (SKIPPED: needs root and nft or iptables)";

const shared = new SharedCluster();
afterAll(() => shared[Symbol.asyncDispose]());

async function halted(how: Parameters<SharedCluster["during"]>[0], promoted: "no" | "yes"): Promise<void> {
  await shared.during(how, async (one) => {
    await using run = one.desk.start();
    await run.until(started("may-we"));
    run.kill("SIGINT");
    const { code } = await run.ended;
    const { reasons } = await one.desk.result();
    expect({ code, reasons: reasons.slice(0, 1) }).toMatchObject({ code: 4, reasons: [{ rule: "HALTED" }] });
    await requireSound(one, promoted);
  });
}

async function killed(fault: string, at: string, promoted: "no" | "yes" | "either"): Promise<void> {
  await shared.during({ fault }, async (one) => {
    await using run = one.desk.start();
    await run.until(started(at));
    run.kill("SIGKILL");
    await run.ended;
    expect(await one.desk.firedrill("clean")).toMatchObject({ code: 0 });
    const { reasons, cleanup } = await one.desk.result();
    expect({ reasons: reasons.slice(0, 1), cleanup }).toMatchObject({
      reasons: [{ rule: "HALTED" }],
      cleanup: { status: "verified" },
    });
    await requireSound(one, promoted);
  });
}

describe("a frozen primary", () => {
  const fault = "fault/freeze";
  test("is thawed when nobody took its place", () => halted({ fault, askBefore: "fence" }, "no"));
  test("is let go and started when it was fenced and nothing promoted", () =>
    halted({ fault, askBefore: "promote" }, "no"));
  test("stays down when another was promoted", () => halted({ fault, askBefore: "service" }, "yes"));
  test("after a crash while it is being frozen", () => killed(fault, "kill", "no"));
  test("after a crash while another one is being promoted", () => killed(fault, "promote", "either"));
});

describe.skipIf(!filter)(`a partitioned primary${lack}`, () => {
  const fault = "fault/partition";
  test("is connected again when nobody took its place", () => halted({ fault, askBefore: "fence" }, "no"));
  test("is let go and started when it was fenced and nothing promoted", () =>
    halted({ fault, askBefore: "promote" }, "no"));
  test("stays down when another was promoted", () => halted({ fault, askBefore: "service" }, "yes"));
  test("after a crash while it is being cut off", () => killed(fault, "kill", "no"));
  test("after a crash while it is being fenced", () => killed(fault, "fence", "no"));
  test("after a crash while another one is being promoted", () => killed(fault, "promote", "either"));
});

describe("standbys that were cut off", () => {
  const playbook = "failover-data-loss";
  test("receive again when nothing was promoted", () => halted({ playbook, askBefore: "promote" }, "no"));
  test("have no setting of the cut when one of them was promoted", () =>
    halted({ playbook, askBefore: "service" }, "yes"));
  test("and neither has a server that was rebuilt from them", () => halted({ playbook, askBefore: "ledger" }, "yes"));
});
