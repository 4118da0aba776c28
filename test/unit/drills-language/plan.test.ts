import { expect, test } from "vitest";
import type { PlanStep } from "../../../src/drills/plan.ts";
import { planSha256 } from "../../../src/drills/plan-sha256.ts";
import { GOOD_INVENTORY, GOOD_PLAYBOOK, spoil } from "../../support/lang-documents.ts";
import { load, loadSystems, must, mustPlan } from "./language.ts";

const SQL = "    - uses: verify/sql\n";
const step = (playbook: string, id: string): PlanStep | undefined =>
  mustPlan({ playbook }).plan.steps.find((each) => each.id === id);

test("steps come in drill order with the phases as barriers, whatever the order of the keys", () => {
  const moved = spoil(GOOD_PLAYBOOK, "  disaster:\n    - uses: disaster/declare\n", "").concat(
    "  disaster:\n    - uses: disaster/declare\n",
  );
  const { plan, sha256 } = mustPlan({ playbook: moved });
  expect(plan.steps.map(({ id, phase, after }) => [phase, id, after])).toEqual([
    ["prepare", "backup", null],
    ["disaster", "disaster-declare", null],
    ["recover", "sandbox", null],
    ["recover", "restore", "sandbox"],
    ["verify", "verify-sql", null],
    ["hold", "hold", null],
  ]);
  expect(plan.phases.map(({ name, onFailure }) => [name, onFailure])).toEqual([
    ["prepare", "stop"],
    ["disaster", "stop"],
    ["recover", "stop"],
    ["verify", "continue"],
    ["hold", "stop"],
  ]);
  expect(sha256).toBe(mustPlan().sha256);
});

test("a step without id is named after what it uses, and keeps clear of ids that are written", () => {
  const more = `${SQL}      with: { on: "\${{ steps.restore.outputs.database }}", query: select 1, expect: 1 }\n`;
  const named = "    - id: verify-sql-2\n      uses: disaster/none\n"
    .replace("disaster/none", "postgres/amcheck")
    .concat('      with: { on: "${{ steps.restore.outputs.database }}" }\n');
  const { plan } = mustPlan({ playbook: `${GOOD_PLAYBOOK}${named}${more}${more}` });
  expect(plan.steps.filter(({ phase }) => phase === "verify").map(({ id }) => id)).toEqual([
    "verify-sql",
    "verify-sql-2",
    "verify-sql-3",
    "verify-sql-4",
  ]);
});

test("needs replaces waiting for the step before, and may name a later step", () => {
  const late = spoil(
    GOOD_PLAYBOOK,
    "    - id: sandbox\n",
    "    - id: early\n      uses: sandbox/create\n      with: { kind: process, ttl: 1h }\n      needs: [sandbox, sandbox]\n    - id: sandbox\n      needs: []\n",
  );
  expect(step(late, "early")).toMatchObject({ needs: ["sandbox"], after: null });
  expect(step(late, "sandbox")).toMatchObject({ needs: [], after: null });
  expect(step(late, "restore")).toMatchObject({ needs: [], after: "sandbox" });
});

test("the hold is made by the planner, only where there is one, with room for the last look", () => {
  expect(mustPlan().plan.steps.at(-1)).toMatchObject({
    id: "hold",
    uses: "drill/hold",
    with: { for: "30s" },
    timeoutMs: 60_000,
    line: 4,
  });
  const none = mustPlan({ playbook: spoil(GOOD_PLAYBOOK, ", hold: 30s", "") }).plan;
  expect(none.objectives.holdMs).toBe(0);
  expect(none.phases.map(({ name }) => name)).not.toContain("hold");
});

test("parameters keep their type when the template is the whole value, and are written out inside a text", () => {
  const params = "  until: { type: string, default: latest }\n  width: { type: integer, default: 4 }\n";
  const playbook = spoil(
    spoil(GOOD_PLAYBOOK, "  until: { type: string, default: latest }\n", params),
    "query: select 1",
    'query: "select ${{ params.width }} from ${{ system.name }}"',
  ).replace("        until:", '        parallel: "${{ params.width }}"\n        until:');
  expect(step(playbook, "restore")?.with).toMatchObject({ parallel: 4, until: "latest" });
  expect(step(playbook, "verify-sql")?.with).toMatchObject({
    query: "select 4 from orders",
    on: "${{ steps.restore.outputs.database }}",
  });
  const given = mustPlan({ playbook, params: { width: "8", until: "immediate" } }).plan;
  expect(given.params).toEqual({ until: "immediate", width: 8, level: "low" });
  expect(given.steps.find(({ id }) => id === "restore")?.with).toMatchObject({ parallel: 8, until: "immediate" });
});

test("parameters come as a map or a record", () => {
  const { sha256 } = mustPlan({ params: { until: "immediate" } });
  expect(mustPlan({ params: new Map([["until", "immediate"]]) }).sha256).toBe(sha256);
});

test("the playbook's objectives come before the inventory's, each by itself", () => {
  expect(mustPlan().plan.objectives).toEqual({
    rtoMs: 900_000,
    rpoMs: 300_000,
    holdMs: 30_000,
    clock: "total",
    setBy: { rto: "playbook", rpo: "playbook" },
  });
  const without = spoil(GOOD_PLAYBOOK, "rto: 15m, rpo: 5m, ", "rpo: 0s, ");
  expect(mustPlan({ playbook: without }).plan.objectives).toMatchObject({
    rtoMs: 3_600_000,
    rpoMs: 0,
    setBy: { rto: "inventory", rpo: "playbook" },
  });
  const stock = mustPlan({ playbook: spoil(GOOD_PLAYBOOK, "rto: 15m, rpo: 5m, ", ""), system: "stock" }).plan;
  expect(stock.objectives).toMatchObject({ rtoMs: null, rpoMs: null, setBy: { rto: null, rpo: null } });
});

test("a timeout is the step's own, else the playbook's, else the definition's; a phase's is what its steps may take", () => {
  const defaults = spoil(
    GOOD_PLAYBOOK,
    "phases:\n",
    "defaults: { timeout: 2m, retry: { attempts: 3, delay: 1s, on: [timeout] } }\ntimeouts: { verify: 7m }\nphases:\n",
  );
  const { plan } = mustPlan({ playbook: defaults });
  expect(plan.steps.map(({ timeoutMs }) => timeoutMs)).toEqual([120_000, 120_000, 120_000, 1_800_000, 120_000, 60_000]);
  expect(plan.steps[0]?.retry).toEqual({ attempts: 3, delayMs: 1000, on: ["timeout"] });
  expect(plan.phases.map(({ timeoutMs }) => timeoutMs)).toEqual([
    363_000,
    363_000,
    363_000 + 5_403_000,
    420_000,
    60_000,
  ]);
  expect(mustPlan().plan.steps[0]).toMatchObject({
    timeoutMs: 60_000,
    retry: { attempts: 1, delayMs: 5000, on: ["transient"] },
  });
});

test("the whole inventory is in the plan, with absolute paths and references instead of secrets", () => {
  const { plan } = mustPlan();
  expect(plan.inventory.map(({ name, environment }) => [name, environment])).toEqual([
    ["orders", "test"],
    ["stock", "production"],
  ]);
  expect(plan.system?.backups).toEqual([{ kind: "directory", path: "/srv/drills/backups", wal: "/srv/drills/wal" }]);
  expect(plan.system?.credentials).toEqual({
    user: "drill",
    password: "env:ORDERS_PASSWORD",
    database: "orders",
    replication: null,
  });
  const relative = spoil(GOOD_INVENTORY, "env:ORDERS_PASSWORD", "file:../secrets/orders");
  expect(mustPlan({ inventory: relative }).plan.system?.credentials.password).toBe("file:/srv/secrets/orders");
});

test("a system without a label is unlabelled, and what is absent is null or empty", () => {
  const { systems } = must(
    loadSystems(
      "apiVersion: firedrill/v1\nkind: Inventory\nsystems: [{ name: a, engine: postgresql, heartbeat: { interval: 1s } }]\n",
    ),
  );
  expect(systems).toEqual([
    {
      name: "a",
      engine: "postgresql",
      environment: "unlabelled",
      owner: null,
      tier: null,
      tags: {},
      endpoints: { primary: null, replicas: [] },
      credentials: { user: null, password: null, database: null, replication: null },
      nodes: [],
      client: { hosts: [], targetSessionAttrs: "read-write" },
      backups: [],
      heartbeat: { schema: "firedrill", intervalMs: 1000 },
      newest: null,
      objectives: { rtoMs: null, rpoMs: null },
      extra: {},
    },
  ]);
});

test("without --system the one system that the steps name is the system under drill", () => {
  const named = spoil(GOOD_PLAYBOOK, "select: newest", "system: orders, select: newest");
  expect(mustPlan({ playbook: named, system: null }).plan.system?.name).toBe("orders");
  expect(mustPlan({ playbook: named, system: "stock" }).plan.system?.name).toBe("stock");
});

const MAX_AGE = "maxAge: 26h }\n";
const HEALTHY = spoil(
  spoil(GOOD_PLAYBOOK, "disaster/declare", "disaster/kill"),
  MAX_AGE,
  `${MAX_AGE}    - uses: postgres/replica-status\n`,
);

test("a disruptive step on production is planned when the playbook consents and a person is asked before it", () => {
  const asked = spoil(HEALTHY, "  disaster:\n", "    - { uses: approval, with: { question: May we? } }\n  disaster:\n");
  const consent = spoil(asked, "phases:\n", "guardrails: { allowProduction: true }\nphases:\n");
  const { guardrails } = mustPlan({ playbook: consent, system: "stock" }).plan;
  expect(guardrails).toEqual({ allowProduction: true, stopWhen: [] });
});

test("a disruptive step elsewhere needs a health check in prepare only: a check, or a step that expects something", () => {
  expect(step(HEALTHY, "disaster-kill")?.effect).toBe("disruptive");
  const expecting = spoil(
    spoil(GOOD_PLAYBOOK, "disaster/declare", "disaster/kill"),
    MAX_AGE,
    `${MAX_AGE}      expect: outputs.backup.sizeBytes > 0\n`,
  );
  expect(step(expecting, "disaster-kill")?.effect).toBe("disruptive");
});

test("stop conditions are in the plan as plain data, with their defaults", () => {
  const playbook = spoil(
    GOOD_PLAYBOOK,
    "phases:\n",
    `guardrails:
  stopWhen:
    - { title: Other systems answer, url: "http://a.example/health", status: 204 }
    - { query: select count(*) from pg_stat_activity, expect: "< 90", every: 500ms, for: 3, whenUnknown: stop }
    - { prometheus: { url: "http://metrics.example", query: up, expect: 1 }, timeout: 5s }
phases:
`,
  );
  const { plan } = mustPlan({ playbook });
  const common = { everyMs: 1000, breaches: 1, timeoutMs: 2000, whenUnknown: "continue" };
  expect(JSON.parse(JSON.stringify(plan.guardrails.stopWhen))).toEqual([
    { ...common, title: "Other systems answer", look: { kind: "http", url: "http://a.example/health", status: 204 } },
    {
      ...common,
      title: "select count(*) from pg_stat_activity",
      look: { kind: "sql", query: "select count(*) from pg_stat_activity", expect: "< 90" },
      everyMs: 500,
      breaches: 3,
      whenUnknown: "stop",
    },
    {
      ...common,
      title: "up",
      look: { kind: "prometheus", url: "http://metrics.example", query: "up", expect: "1" },
      timeoutMs: 5000,
    },
  ]);
});

const NODES = `    nodes:
      - { name: a, host: orders.db.example, dataDir: ../data/a, bin: bin, supervisorPidFile: run/patroni.pid }
      - { name: b, host: b.db.example, port: 5433, start: [systemctl, start, postgresql], patroni: "http://b:8008" }
`;
const CREDENTIALS = "    credentials: { user: drill, password: env:ORDERS_PASSWORD, database: orders }\n";

test("the nodes of a system have absolute paths, and are the client path unless that is written", () => {
  const inventory = spoil(GOOD_INVENTORY, CREDENTIALS, `${NODES}${CREDENTIALS}`);
  const { system } = mustPlan({ inventory }).plan;
  const bare = { dataDir: null, bin: null, start: null, stop: null, supervisorPidFile: null, patroni: null };
  expect(system?.nodes).toEqual([
    {
      ...bare,
      name: "a",
      endpoint: { host: "orders.db.example", port: 5432 },
      dataDir: "/srv/data/a",
      bin: "/srv/drills/bin",
      supervisorPidFile: "/srv/drills/run/patroni.pid",
    },
    {
      ...bare,
      name: "b",
      endpoint: { host: "b.db.example", port: 5433 },
      start: ["systemctl", "start", "postgresql"],
      patroni: "http://b:8008",
    },
  ]);
  expect(system?.client).toEqual({
    hosts: [
      { host: "orders.db.example", port: 5432 },
      { host: "b.db.example", port: 5433 },
    ],
    targetSessionAttrs: "read-write",
  });
  const pooled = spoil(
    inventory,
    "port: 5432 }\n",
    "port: 5432 }\n      client: { hosts: [{ host: pool.example, port: 6432 }], targetSessionAttrs: any }\n",
  );
  expect(mustPlan({ inventory: pooled }).plan.system?.client).toEqual({
    hosts: [{ host: "pool.example", port: 6432 }],
    targetSessionAttrs: "any",
  });
});

test("without nodes they are made from the endpoints; standbys log in as written", () => {
  const inventory = spoil(
    spoil(GOOD_INVENTORY, "port: 5432 }\n", "port: 5432 }\n      replicas: [{ host: r.db.example }]\n"),
    "database: orders }",
    "database: orders, replication: { user: standby, passfile: ./pgpass } }",
  );
  const { system } = mustPlan({ inventory }).plan;
  expect(system?.nodes.map(({ name, endpoint }) => [name, endpoint.host])).toEqual([
    ["primary", "orders.db.example"],
    ["replica-1", "r.db.example"],
  ]);
  expect(system?.credentials.replication).toEqual({ user: "standby", passfile: "/srv/drills/pgpass" });
});

test("a plan is frozen to its leaves, and the documents it came from with it", () => {
  const { plan } = mustPlan();
  const thawed: unknown[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Object.isFrozen(value)) thawed.push(value);
    Object.values(value).forEach(walk);
  };
  walk(plan);
  expect(thawed).toEqual([]);
  expect(() => Object.assign(plan.steps[0]?.with ?? {}, { select: "oldest" })).toThrow(TypeError);
});

test("the hash is of what the plan does, not of where it was written", () => {
  const { plan, sha256 } = mustPlan();
  expect(sha256).toMatch(/^[0-9a-f]{64}$/u);
  expect(planSha256({ ...plan, source: { ...plan.source, playbookPath: "elsewhere.yaml", playbookSha256: "" } })).toBe(
    sha256,
  );
  expect(planSha256({ ...plan, name: "other" })).not.toBe(sha256);
  expect(mustPlan({ playbook: `# a comment\n\n${GOOD_PLAYBOOK}` }).sha256).toBe(sha256);
  expect(mustPlan({ params: { level: "high" } }).sha256).not.toBe(sha256);
});

test("conditions and titles are kept as written", () => {
  const playbook = spoil(
    GOOD_PLAYBOOK,
    SQL,
    `${SQL}      title: Orders are there\n      when: params.level == 'low' && steps["restore"].outputs.files > 0\n      expect: outputs.rows == 1\n`,
  );
  expect(step(playbook, "verify-sql")).toMatchObject({
    title: "Orders are there",
    when: `params.level == 'low' && steps["restore"].outputs.files > 0`,
    expect: "outputs.rows == 1",
  });
});

test("a byte order mark and Windows line ends are read", () => {
  const windows = `\uFEFF${GOOD_PLAYBOOK.replaceAll("\n", "\r\n")}`;
  expect(mustPlan({ playbook: windows }).sha256).toBe(mustPlan().sha256);
  must(load(Buffer.from(windows, "utf8")));
});

test("2,000 steps are planned", () => {
  const many = `${GOOD_PLAYBOOK}${`${SQL}      with: { on: "\${{ steps.restore.outputs.database }}", query: select 1, expect: "> 0" }\n`.repeat(1995)}`;
  const { plan } = mustPlan({ playbook: many });
  expect(plan.steps).toHaveLength(2001);
  expect(plan.steps.at(-2)?.after).toBe("verify-sql-1995");
});
