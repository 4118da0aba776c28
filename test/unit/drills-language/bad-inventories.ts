import { GOOD_INVENTORY, spoil } from "../../support/lang-documents.ts";
import type { BadDocument } from "./bad-playbooks.ts";

function bad(title: string, from: string, to: string, ...faults: string[]): BadDocument {
  return { title, text: spoil(GOOD_INVENTORY, from, to), faults };
}

const ORDERS = "name: orders";
const PASSWORD = "password: env:ORDERS_PASSWORD";
const HOST = "host: orders.db.example";
const PORT = "port: 5432";

const CREDENTIALS = "    credentials: { user";
/** Before the credentials; the first stands on line 12. */
const nodes = (...written: readonly string[]): string =>
  `    nodes:\n${written.map((node) => `      - ${node}\n`).join("")}${CREDENTIALS}`;

export const BAD_INVENTORIES: readonly BadDocument[] = [
  bad("a playbook", "kind: Inventory", "kind: Playbook", "2:7 WRONG_KIND"),
  bad("no systems field", GOOD_INVENTORY.slice(GOOD_INVENTORY.indexOf("systems:")), "", "1:1 MISSING_FIELD"),
  bad("no systems", GOOD_INVENTORY.slice(GOOD_INVENTORY.indexOf("systems:")), "systems: []\n", "3:10 NO_SYSTEMS"),
  bad(
    "systems as a map",
    GOOD_INVENTORY.slice(GOOD_INVENTORY.indexOf("systems:")),
    "systems: { orders: { engine: postgresql } }\n",
    "3:10 WRONG_TYPE",
  ),
  bad(
    "credentials in one text",
    "credentials: { user: drill, password: env:ORDERS_PASSWORD, database: orders }",
    "credentials: drill:hunter2",
    "11:18 WRONG_TYPE",
  ),
  bad("a password that reads like a tag", PASSWORD, "password: !hunter2", "11:43 YAML_TAG"),
  bad("a password that reads like an octal number", PASSWORD, "password: 0777", "11:43 YAML_NUMBER_BASE"),
  bad("an unknown field", "owner: team-orders", "ownr: team-orders", "7:5 UNKNOWN_FIELD"),
  bad(
    "an unknown engine",
    `${ORDERS}\n    engine: postgresql`,
    `${ORDERS}\n    engine: postgres`,
    "5:13 INVALID_VALUE",
  ),
  bad("no engine", `${ORDERS}\n    engine: postgresql`, ORDERS, "4:5 MISSING_FIELD"),
  bad("no name", "  - name: stock\n    engine", "  - engine", "15:5 MISSING_FIELD"),
  bad("a bad environment", "environment: test", "environment: prod", "6:18 INVALID_VALUE"),
  bad("a bad name", "name: stock", "name: Stock DB", "15:11 BAD_NAME"),
  bad("a duplicate name", "name: stock", "name: orders", "15:11 DUPLICATE_SYSTEM"),
  bad("a password in the clear", PASSWORD, "password: hunter2", "11:43 PLAINTEXT_SECRET"),
  bad("a password that is a number", PASSWORD, "password: 12345", "11:43 PLAINTEXT_SECRET"),
  bad("a reference to an unknown store", PASSWORD, "password: vault:orders", "11:43 PLAINTEXT_SECRET"),
  bad("a reference to a bad variable", PASSWORD, "password: env:ORDERS PASSWORD", "11:43 PLAINTEXT_SECRET"),
  bad("a connection string as host", HOST, 'host: "postgresql://drill:secret@db/orders"', "10:24 BAD_HOST"),
  bad("an empty host", HOST, 'host: ""', "10:24 BAD_HOST"),
  bad("port zero", PORT, "port: 0", "10:49 BAD_PORT"),
  bad("a port too high", PORT, "port: 65536", "10:49 BAD_PORT"),
  bad("a port in words", PORT, "port: postgres", "10:49 BAD_PORT"),
  bad("a port in octal", PORT, "port: 05432", "10:49 YAML_NUMBER_BASE"),
  bad("a tier that is no number", "tier: 1", "tier: gold", "8:11 WRONG_TYPE"),
  bad("a backup without path", "{ path: ./backups, wal: ./wal }", "{ wal: ./wal }", "13:9 MISSING_FIELD"),
  bad("a backup with an empty path", "path: ./backups", 'path: ""', "13:17 EMPTY_VALUE"),
  bad(
    "a backup of an unknown kind",
    "{ path: ./backups, wal: ./wal }",
    "{ kind: s3, path: ./backups }",
    "13:17 INVALID_VALUE",
  ),
  bad("an objective without unit", "rto: 1h", "rto: 60", "14:24 DURATION_NO_UNIT"),
  bad("an objective of zero", "rto: 1h", "rto: 0s", "14:24 DURATION_ZERO"),
  bad(
    "a heartbeat without interval",
    "    tier: 1\n",
    "    tier: 1\n    heartbeat: { schema: firedrill }\n",
    "9:5 MISSING_FIELD",
  ),
  bad(
    "a heartbeat schema that needs quoting",
    "    tier: 1\n",
    '    tier: 1\n    heartbeat: { schema: "a;b", interval: 1s }\n',
    "9:26 BAD_NAME",
  ),
  bad(
    "two nodes of one name",
    CREDENTIALS,
    nodes("{ name: a, host: orders.db.example }", "{ name: a, host: other.db.example }"),
    "13:9 DUPLICATE_NODE",
  ),
  bad(
    "two nodes at one address",
    CREDENTIALS,
    nodes("{ name: a, host: orders.db.example }", "{ name: b, host: Orders.db.example, port: 5432 }"),
    "13:9 NODE_ADDRESS",
  ),
  bad(
    "two nodes with one data directory",
    CREDENTIALS,
    nodes("{ name: a, host: orders.db.example, dataDir: /srv/a }", "{ name: b, host: b.db.example, dataDir: /srv/a/ }"),
    "13:9 NODE_DATA_DIR",
  ),
  bad(
    "an endpoint that no node has",
    CREDENTIALS,
    nodes("{ name: a, host: orders.db.example, port: 5433 }"),
    "10:16 NODE_ENDPOINT",
  ),
  bad("a node without a host", CREDENTIALS, nodes("{ name: a }"), "12:9 MISSING_FIELD"),
  bad(
    "a node with an empty data directory",
    CREDENTIALS,
    nodes('{ name: a, host: orders.db.example, dataDir: "" }'),
    "12:54 EMPTY_VALUE",
  ),
  bad(
    "a command in one text",
    CREDENTIALS,
    nodes("{ name: a, host: orders.db.example, start: systemctl start postgresql }"),
    "12:52 WRONG_TYPE",
  ),
  bad(
    "a Patroni address with a password",
    CREDENTIALS,
    nodes('{ name: a, host: orders.db.example, patroni: "http://admin:hunter2@a:8008" }'),
    "12:54 PLAINTEXT_SECRET",
  ),
  bad(
    "a client path without hosts",
    "primary: { host: orders.db.example, port: 5432 }",
    "client: { hosts: [] }",
    "10:24 INVALID_VALUE",
  ),
  bad("a template", "owner: team-orders", 'owner: "${{ params.owner }}"', "7:12 TEMPLATE_NOT_ALLOWED"),
  bad("an anchor", "owner: team-orders", "owner: &a team-orders", "7:12 YAML_ANCHOR"),
  bad("a reserved key in tags", "    tier: 1\n", "    tier: 1\n    tags: { __proto__: x }\n", "9:13 YAML_RESERVED_KEY"),
  bad(
    "an integer over 2^53 in extra",
    "    tier: 1\n",
    "    tier: 1\n    extra: { id: 9007199254740993 }\n",
    "9:18 YAML_INTEGER_TOO_LARGE",
  ),
];
