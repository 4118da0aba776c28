import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { confirmSystem } from "../../../src/cli/confirm-system.ts";
import type { CliIo } from "../../../src/cli/io.ts";
import { planText } from "../../../src/cli/plan.ts";
import { approvalDesk, parseAnswer } from "../../../src/cli/terminal/approval-desk.ts";
import { createRequest, readDecision } from "../../../src/engine/approvals/approval-files.ts";
import { systemWith } from "../../support/checks-context.ts";
import { FakeTime } from "../../support/engine-fake-time.ts";
import { planOf } from "../../support/engine-plan.ts";
import { condition, strikePlan } from "../../support/engine-strike.ts";

const PRODUCTION = systemWith({ environment: "production" });

/** A terminal at which these lines are typed, one for each question; without lines there is none. */
function terminal(lines: readonly (string | null)[] | null): CliIo & { readonly said: () => string } {
  const left = [...(lines ?? [])];
  let said = "";
  return {
    said: () => said,
    out: () => undefined,
    err: (text) => void (said += text),
    env: {},
    cwd: "/",
    live: lines !== null,
    columns: 80,
    colour: false,
    interrupted: new AbortController().signal,
    ask:
      lines === null
        ? null
        : (question) => {
            said += question;
            return Promise.resolve(left.shift() ?? null);
          },
  };
}

describe("the name of the system under drill", () => {
  const disruptive = strikePlan([], { system: PRODUCTION });

  test("is not asked for where the drill disrupts nothing, or nothing that matters", async () => {
    expect(await confirmSystem(terminal(null), planOf([{ id: "a" }], { system: PRODUCTION }), undefined)).toBeNull();
    expect(await confirmSystem(terminal(null), strikePlan(), undefined)).toBeNull();
  });

  test("is missing: refused, with what to add", async () => {
    await expect(confirmSystem(terminal(null), disruptive, undefined)).rejects.toMatchObject({
      code: "CONFIRM_MISSING",
      hint: "If that is meant: --confirm orders",
    });
    await expect(confirmSystem(terminal([null]), disruptive, undefined)).rejects.toMatchObject({
      code: "CONFIRM_MISSING",
    });
  });

  test("is passed, or typed at a terminal", async () => {
    expect(await confirmSystem(terminal(null), disruptive, "orders")).toBe("orders");
    const io = terminal([" orders "]);
    expect(await confirmSystem(io, disruptive, undefined)).toBe("orders");
    expect(io.said()).toBe("This drill disrupts orders, which is production. Type its name to go on: ");
  });

  test("is another one: refused, also where none is needed", async () => {
    for (const [io, plan, passed] of [
      [terminal(null), disruptive, "order"],
      [terminal(["yes"]), disruptive, undefined],
      [terminal(null), strikePlan(), "stock"],
      [terminal(null), planOf([{ id: "a" }]), "orders"],
    ] as const)
      await expect(confirmSystem(io, plan, passed)).rejects.toMatchObject({ code: "CONFIRM_WRONG" });
  });
});

describe("an approval at the terminal", () => {
  test.each([
    ["y", { decision: "approved", comment: null }],
    ["YES looks good", { decision: "approved", comment: "looks good" }],
    ["n: not today", { decision: "declined", comment: "not today" }],
    [" no ", { decision: "declined", comment: null }],
    ["", null],
    ["nope", null],
    ["yesterday", null],
  ] as const)("%j is read as %j", (line, answer) => {
    expect(parseAnswer(line)).toEqual(answer);
  });

  test("is asked again until it is one, and is written down with the user's name", async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-desk-"));
    try {
      const plan = planOf([{ id: "go", uses: "approval" }]);
      const clock = new FakeTime();
      const io = terminal(["what?", "y fine"]);
      let paused = 0;
      const pause = () => {
        paused += 1;
        return () => void (paused -= 1);
      };
      using desk = approvalDesk({ io, plan, clock, user: "ada", pause });
      const asked = { wallUs: clock.wallUs(), monoUs: clock.monoUs(), bootId: clock.bootId };
      const common = { run: "run-1", step: "go", planSha256: "ab".repeat(32), timeoutMs: 60_000 };
      await createRequest(dir, { ...common, question: "Fail\u001B[2J over?", role: "dba", asked });
      desk.onProgress("go", { what: "waiting", done: 0, total: null, unit: "steps" });
      desk.open(dir);
      for (let decision = null; decision === null;) decision = await readDecision(dir, "go");
      expect(await readDecision(dir, "go")).toMatchObject({
        decision: "approved",
        who: "ada",
        comment: "fine",
        planSha256: common.planSha256,
      });
      expect(io.said()).not.toContain("\u001B");
      expect(io.said()).toContain("asked of dba, plan abababababababab, until ");
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

test("a plan shows what stands before the first disruption, and what stops the drill", () => {
  const approval = { id: "may-we", phase: "prepare", uses: "approval" } as const;
  const replicas = { id: "replicas", phase: "prepare", role: "check" } as const;
  const plan = strikePlan([replicas, approval], {
    system: PRODUCTION,
    guardrails: { stopWhen: [condition({ breaches: 3, whenUnknown: "stop" })] },
  });
  expect(planText(plan, "0".repeat(64)))
    .toContain(`guards: strike change orders, which is production; one such run at a time
  confirmation: --confirm orders
  approvals: may-we (prepare)
  healthy first: replicas
  stops unless: other systems answer: status 200 (every 1s, 3 breaches in a row; no answer counts as a breach)
`);
  expect(planText(planOf([{ id: "a" }]), "0".repeat(64))).not.toContain("guards:");
});
