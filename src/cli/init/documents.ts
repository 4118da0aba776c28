import { isAbsolute, relative, sep } from "node:path";
import { parseDocument } from "yaml";
import type { BackupLocation } from "../../drills/inventory.ts";

/** Values go in through the library, which quotes them; the comments are the template's. */
const INVENTORY = `# The systems that drills are run against. Paths are taken from this file's folder.
apiVersion: firedrill/v1
kind: Inventory
systems:
  - name: SYSTEM
    engine: postgresql
    # production, staging, test or development. Production is the careful choice: what could disrupt it asks first.
    environment: production
    # Where the system itself is. A sandbox must prove that it cannot reach it; heartbeat and fingerprint connect to it.
    # endpoints: { primary: { host: db.example.com, port: 5432 } }
    # credentials: { user: firedrill, password: env:DB_PASSWORD, database: shop }
    backups:
      - kind: directory
        path: PATH
        # Archived WAL; without it a backup is only as new as the WAL it carries.
        wal: WAL
    # Written by \`firedrill heartbeat\`: shows how much was lost. Or a query: newest: "select max(created_at) from orders"
    # heartbeat: { interval: 10s }
`;

const PLAYBOOK = `# Restores the newest backup to the end of its archived WAL, checks it and throws it away.
apiVersion: firedrill/v1
kind: Playbook
metadata:
  name: NAME
  title: TITLE
# What you promise: how long a recovery may take, and how much may be lost. Put your own numbers here.
objectives: { rto: 1h, rpo: 24h }
params:
  until: { type: string, default: latest, description: "latest, immediate, a time with zone, an LSN, or name:<restore point>" }
  database: { type: string, default: postgres, description: "database that the checks look into" }
phases:
  prepare:
    - id: backup
      title: Find the newest backup and its WAL
      uses: backup/find
      # maxAge: 26h would make a backup job that has stopped fail the drill.
      with: { select: newest, until: "\${{ params.until }}" }
  disaster:
    - id: disaster
      title: Declare the database lost
      uses: disaster/declare
  recover:
    - id: sandbox
      title: Make a fenced sandbox
      uses: sandbox/create
      with: { kind: process, ttl: 2h }
    - id: restore
      title: Restore, replay and open the server
      uses: postgres/restore
      with:
        backup: "\${{ steps.backup.outputs.backup }}"
        into: "\${{ steps.sandbox.outputs.sandbox }}"
        until: "\${{ params.until }}"
        database: "\${{ params.database }}"
        # A superuser that exists in the backup.
        superuser: postgres
      timeout: 2h
  verify:
    - id: content
      title: There are tables, or other databases
      uses: verify/sql
      with:
        on: "\${{ steps.restore.outputs.database }}"
        query: >-
          select (select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_')::text
          || ' tables in ' || current_database() || '; other databases: '
          || coalesce((select left(string_agg(datname, ', ' order by datname), 150) from pg_catalog.pg_database
          where not datistemplate and datname not in ('postgres', current_database())), '')
        expect: "matches /^[1-9]|other databases: ./"
    # Better: a table of yours that must hold rows, and how new its newest row must be.
    # - id: rows
    #   uses: verify/rows
    #   with: { on: "\${{ steps.restore.outputs.database }}", table: public.orders, expect: "> 0" }
    # - id: freshness
    #   uses: verify/freshness
    #   with: { on: "\${{ steps.restore.outputs.database }}", maxAge: 5m, query: "select max(created_at) from public.orders" }
    - id: indexes
      # Needs the extension amcheck, which comes with the contrib modules of the server's package.
      title: Indexes agree with their tables
      uses: postgres/amcheck
      # Skipped, as a deviation, where there is no table: then \`database\` is not the one that holds yours.
      when: "!steps.content.outputs.value.startsWith('0 ')"
      with: { on: "\${{ steps.restore.outputs.database }}" }
      timeout: 2h
    - id: pages
      # Optional: a cluster made without data checksums has none to verify.
      title: Page checksums are right
      uses: postgres/checksums
      with: { on: "\${{ steps.restore.outputs.database }}", sandbox: "\${{ steps.sandbox.outputs.sandbox }}" }
      timeout: 2h
      required: false
`;

const FORMAT = { lineWidth: 0, flowCollectionPadding: true } as const;

/** The inventory with one system. `base`: folder the file will be in. */
export function inventoryText(system: string, { path, wal }: BackupLocation, base: string): string {
  const document = parseDocument(INVENTORY);
  document.setIn(["systems", 0, "name"], system);
  const backup = ["systems", 0, "backups", 0];
  document.setIn([...backup, "path"], seenFrom(base, path));
  if (wal === null) document.deleteIn([...backup, "wal"]);
  else document.setIn([...backup, "wal"], seenFrom(base, wal));
  return document.toString(FORMAT);
}

export function playbookText(system: string): string {
  const document = parseDocument(PLAYBOOK);
  // The longest name a system may have leaves no room for the prefix.
  const name = `restore-${system}`.length > 63 ? system : `restore-${system}`;
  document.setIn(["metadata", "name"], name);
  document.setIn(["metadata", "title"], `Restore the newest backup of ${system}`);
  return document.toString(FORMAT);
}

/** Below the file's folder: relative, so that both can move together. */
function seenFrom(base: string, path: string): string {
  const way = relative(base, path);
  const below = way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  return below ? `./${way}` : path;
}
