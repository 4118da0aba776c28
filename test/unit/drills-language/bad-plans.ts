import { GOOD_PLAYBOOK, spoil } from "../../support/lang-documents.ts";

/** Documents that hold by themselves and do not go together. */
export interface BadPlan {
  readonly title: string;
  readonly playbook: string;
  readonly params: Readonly<Record<string, string>>;
  readonly system: string | null;
  /** False: no inventory is given. */
  readonly inventory: boolean;
  /** `file:line:col CODE`. */
  readonly faults: readonly string[];
}

type Change = Partial<Omit<BadPlan, "title" | "faults">>;

function bad(title: string, change: Change, ...faults: string[]): BadPlan {
  return { title, playbook: GOOD_PLAYBOOK, params: {}, system: "orders", inventory: true, ...change, faults };
}

const DECLARE = "    - uses: disaster/declare\n";
const KILL = "    - uses: disaster/kill\n";
const SQL = "    - uses: verify/sql\n";
const UNTIL = "{ type: string, default: latest }";
const spoilt = (from: string, to: string): Change => ({ playbook: spoil(GOOD_PLAYBOOK, from, to) });
const kill = (with_: string): string => spoil(GOOD_PLAYBOOK, DECLARE, `${KILL}${with_}`);
const CHECK = "    - uses: postgres/replica-status\n";
const ASK = "{ uses: approval, with: { question: May it begin? } }";
const MAX_AGE = "maxAge: 26h }\n";
const healthy = (check: string): string => spoil(kill(""), MAX_AGE, `${MAX_AGE}${CHECK}${check}`);
const consented = (disaster: string): string =>
  spoil(
    spoil(spoil(GOOD_PLAYBOOK, DECLARE, disaster), MAX_AGE, `${MAX_AGE}${CHECK}`),
    "phases:\n",
    "guardrails: { allowProduction: true }\nphases:\n",
  );
/** Without the step that needs a system. */
const OWN_SANDBOX = spoil(
  GOOD_PLAYBOOK,
  "uses: backup/find\n      with: { select: newest, maxAge: 26h }",
  "uses: sandbox/create\n      with: { kind: process, ttl: 1h }",
).replace("outputs.backup", "outputs.sandbox");

export const BAD_PLANS: readonly BadPlan[] = [
  bad("an unknown parameter", { params: { untl: "latest" } }, "--param untl:0:0 UNKNOWN_PARAM"),
  bad("a parameter named like a prototype", { params: { constructor: "x" } }, "--param constructor:0:0 UNKNOWN_PARAM"),
  bad("a value that is none of the enum", { params: { level: "middle" } }, "--param level:0:0 PARAM_VALUE"),
  bad("a value with a template", { params: { until: "${{ run.id }}" } }, "--param until:0:0 TEMPLATE_NOT_ALLOWED"),
  bad("a value with a control character", { params: { until: "a\u001B[2J" } }, "--param until:0:0 PARAM_VALUE"),
  bad("a missing parameter", spoilt(UNTIL, "{ type: string }"), "p.yaml:6:3 MISSING_PARAM"),
  bad("a missing required parameter", spoilt(UNTIL, "{ type: string, required: true }"), "p.yaml:6:3 MISSING_PARAM"),
  bad(
    "a text for an integer",
    { ...spoilt(UNTIL, "{ type: integer, default: 1 }"), params: { until: "1e3" } },
    "--param until:0:0 PARAM_TYPE",
  ),
  bad(
    "a text for a boolean",
    { ...spoilt(UNTIL, "{ type: boolean, default: true }"), params: { until: "yes" } },
    "--param until:0:0 PARAM_TYPE",
  ),
  bad(
    "a duration without unit",
    { ...spoilt(UNTIL, "{ type: duration, default: 1h }"), params: { until: "15" } },
    "--param until:0:0 DURATION_NO_UNIT",
  ),
  bad(
    "a parameter of a type that the step does not take",
    spoilt(UNTIL, "{ type: integer, default: 1 }"),
    "p.yaml:24:16 WITH_WRONG_TYPE",
  ),
  bad(
    "an empty parameter where a text must be",
    spoilt(UNTIL, "{ type: string, required: false }"),
    "p.yaml:24:16 WITH_WRONG_TYPE",
  ),
  bad(
    "an empty parameter inside a text",
    {
      playbook: spoil(
        spoil(GOOD_PLAYBOOK, UNTIL, "{ type: string, required: false }"),
        "${{ params.until }}",
        "at ${{ params.until }}",
      ),
    },
    "p.yaml:24:16 TEMPLATE_NOT_TEXT",
  ),
  bad(
    "values that make a template between them",
    { ...spoilt("query: select 1", 'query: "${{ params.until }}{{ run.id }}"'), params: { until: "$" } },
    "p.yaml:28:67 TEMPLATE_NOT_ALLOWED",
  ),
  bad("an unknown system", { system: "ordrs" }, "--system:0:0 UNKNOWN_SYSTEM"),
  bad("a system without inventory", { inventory: false }, "--system:0:0 UNKNOWN_SYSTEM"),
  bad("no system where a step needs one", { system: null }, "p.yaml:11:13 MISSING_SYSTEM"),
  bad("no system and no inventory", { system: null, inventory: false }, "p.yaml:11:13 MISSING_SYSTEM"),
  bad(
    "a template of the system without one",
    { playbook: spoil(OWN_SANDBOX, "query: select 1", 'query: "${{ system.name }}"'), system: null },
    "p.yaml:28:67 MISSING_SYSTEM",
  ),
  bad(
    "a step's own system that is not there",
    spoilt("select: newest", "system: ordrs, select: newest"),
    "p.yaml:12:23 UNKNOWN_SYSTEM",
  ),
  bad(
    "a field of the system that is not there",
    spoilt("query: select 1", 'query: "${{ system.tags.region }}"'),
    "p.yaml:28:67 TEMPLATE_UNRESOLVED",
  ),
  bad(
    "a map inside a text",
    spoilt("query: select 1", 'query: "select ${{ system.endpoints }}"'),
    "p.yaml:28:67 TEMPLATE_NOT_TEXT",
  ),
  bad(
    "a condition about the system without one",
    { playbook: spoil(OWN_SANDBOX, SQL, `${SQL}      when: system.tier == 1\n`), system: null },
    "p.yaml:28:13 MISSING_SYSTEM",
  ),
  bad(
    "disruption of production",
    { playbook: kill(""), system: "stock" },
    "p.yaml:14:13 GUARD_PRODUCTION",
    "p.yaml:14:13 GUARD_APPROVAL",
    "p.yaml:14:13 GUARD_STEADY_STATE",
  ),
  bad(
    "disruption of what is not labelled",
    { playbook: kill(""), system: "unlabelled" },
    "p.yaml:14:13 GUARD_PRODUCTION",
    "p.yaml:14:13 GUARD_APPROVAL",
    "p.yaml:14:13 GUARD_STEADY_STATE",
  ),
  bad("disruption that nobody checked health before", { playbook: kill("") }, "p.yaml:14:13 GUARD_STEADY_STATE"),
  bad(
    "a health check that may fail",
    { playbook: healthy("      required: false\n") },
    "p.yaml:16:13 GUARD_STEADY_STATE",
  ),
  bad(
    "disruption without a system",
    { playbook: healthy(""), system: null },
    "p.yaml:11:13 MISSING_SYSTEM",
    "p.yaml:13:13 MISSING_SYSTEM",
    "p.yaml:15:13 MISSING_SYSTEM",
  ),
  bad(
    "an approval after the disruption",
    { playbook: consented(`${KILL}    - ${ASK}\n`), system: "stock" },
    "p.yaml:16:13 GUARD_APPROVAL",
  ),
  bad(
    "an approval that need not be given",
    { playbook: consented(`    - ${ASK.replace(/ \}$/u, ", required: false }")}\n${KILL}`), system: "stock" },
    "p.yaml:17:13 GUARD_APPROVAL",
  ),
  bad(
    "an approval that is not waited for",
    { playbook: consented(`    - ${ASK}\n${KILL}      needs: []\n`), system: "stock" },
    "p.yaml:17:13 GUARD_APPROVAL",
  ),
  bad(
    "a stop condition that asks a system without one",
    {
      playbook: spoil(
        OWN_SANDBOX,
        "phases:\n",
        'guardrails: { stopWhen: [{ query: select 1, expect: "1" }] }\nphases:\n',
      ),
      system: null,
    },
    "p.yaml:8:35 MISSING_SYSTEM",
  ),
];
