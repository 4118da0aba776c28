import { describe, expect, test } from "vitest";
import { requireReady } from "../../../src/cli/require-ready.ts";
import type { Plan } from "../../../src/drills/plan.ts";
import { systemWith } from "../../support/checks-context.ts";
import type { StepParts } from "../../support/engine-plan.ts";
import { strikePlan } from "../../support/engine-strike.ts";

const credentials = { user: "firedrill", password: "env:ORDERS_PASSWORD", database: "orders", replication: null };
const failover = (parts: Partial<StepParts> = {}): StepParts => ({
  id: "tell",
  uses: "command/run",
  effect: "disruptive",
  with: { argv: ["/opt/failover.sh", "--to", "b"], undo: ["/opt/back.sh"], env: { TOKEN: { secret: "env:TOKEN" } } },
  ...parts,
});

/** What is said of a plan where these programs are allowed and these secrets are there. */
async function saidOf(plan: Plan, allowed: readonly string[], secrets: readonly string[]): Promise<string> {
  const deps = {
    allowed: ([program = ""]: readonly string[]) => {
      if (!allowed.includes(program)) throw new Error(`${program} is not allowed`);
    },
    secret: async (ref: string) => {
      if (!secrets.includes(ref)) throw new Error(`${ref} is not set`);
    },
  };
  return requireReady(plan, deps).then(
    () => "ready",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );
}

const ALL = ["/opt/failover.sh", "/opt/back.sh"];
const SET = ["env:ORDERS_PASSWORD", "env:TOKEN"];

describe("before a drill that disrupts", () => {
  const plan = strikePlan([], { system: systemWith({ credentials }) }, [failover()]);

  test("commands that are not allowed and secrets that are not there are told all at once", async () => {
    expect(await saidOf(plan, ALL, SET)).toBe("ready");
    expect(await saidOf(plan, ["/opt/failover.sh"], [])).toBe(
      "This drill would break off in the middle: tell: /opt/back.sh is not allowed; credentials of orders: env:ORDERS_PASSWORD is not set; tell: env:TOKEN is not set",
    );
  });

  test("what only the run can tell is left to the run", async () => {
    const later = failover({ with: { argv: ["${{ steps.x.outputs.program }}"], env: {} } });
    const perhaps = failover({ id: "perhaps", when: "params.tell" });
    const system = systemWith({ credentials: { ...credentials, password: null } });
    expect(await saidOf(strikePlan([], { system }, [later, perhaps]), [], [])).toBe("ready");
  });

  test("a drill that disrupts nothing is asked nothing", async () => {
    expect(await saidOf({ ...plan, steps: [] }, [], [])).toBe("ready");
  });
});
