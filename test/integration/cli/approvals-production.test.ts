import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { containing } from "../../support/cli-matchers.ts";
import { type CliEnd, firedrill } from "../../support/cli-run.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "firedrill-production-"));
  await writeFile(join(dir, "inventory.yaml"), INVENTORY);
  await writeFile(join(dir, "careless.yaml"), playbook("", ""));
  await writeFile(join(dir, "careful.yaml"), playbook("guardrails: { allowProduction: true }\n", CAREFUL));
});
afterAll(() => rm(dir, { recursive: true }));

/** Nobody listens there: a drill that went on would end in another way. */
const INVENTORY = `apiVersion: firedrill/v1
kind: Inventory
systems:
  - { name: orders, engine: postgresql, environment: production, endpoints: { primary: { host: 127.0.0.1, port: 1 } } }
`;
const CAREFUL = `  prepare:
    - uses: postgres/replica-status
    - { id: may-we, uses: approval, with: { question: May it begin? } }
`;
const playbook = (head: string, prepare: string): string => `apiVersion: firedrill/v1
kind: Playbook
metadata: { name: failover }
${head}phases:
${prepare}  disaster:
    - uses: fault/kill
  recover:
    - { id: promote, uses: postgres/promote }
  verify:
    - { uses: verify/sql, with: { on: "\${{ steps.promote.outputs.database }}", query: select 1, expect: "1" } }
`;

const run = (...args: readonly string[]): Promise<CliEnd> => firedrill(args, { cwd: dir });

test("a playbook that would disrupt production unasked makes no plan, and says all that is missing at once", async () => {
  const { code, stderr } = await run("run", "careless.yaml", "--system", "orders", "--confirm", "orders");
  expect(code).toBe(2);
  for (const fault of ["6:13 GUARD_PRODUCTION", "6:13 GUARD_APPROVAL", "6:13 GUARD_STEADY_STATE"])
    expect(stderr).toContain(`careless.yaml:${fault} `);
  expect(existsSync(join(dir, ".firedrill"))).toBe(false);
});

test.each([
  [[], "CONFIRM_MISSING", "--confirm orders"],
  [["--confirm", "order"], "CONFIRM_WRONG", 'Confirmed was "order"'],
] as const)("a drill of production with %j is refused before anything is created", async (args, code, words) => {
  const end = await run("run", "careful.yaml", "--system", "orders", ...args);
  expect(end).toMatchObject({ code: 2, stderr: containing(code) });
  expect(end.stderr).toContain(words);
  expect(existsSync(join(dir, ".firedrill"))).toBe(false);
});

test("confirmed, it begins with the question whether the system is healthy, and goes no further", async () => {
  const end = await run("run", "careful.yaml", "--system", "orders", "--confirm", "orders", "--events");
  expect(end.code).not.toBe(0);
  expect(end.stdout).toContain('"confirmed":"orders"');
  expect(end.stdout).not.toContain('"step":"fault-kill","attempt":1,"key"');
});

test("`plan` shows what stands before the first disruption", async () => {
  const { stdout } = await run("plan", "careful.yaml", "--system", "orders");
  expect(stdout).toContain(`guards: fault-kill, promote change orders, which is production; one such run at a time
  confirmation: --confirm orders
  approvals: may-we (prepare)
  healthy first: postgres-replica-status
`);
});
