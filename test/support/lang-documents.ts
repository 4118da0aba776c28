/** A playbook and an inventory that hold, for tests that spoil one thing in them. */
export const GOOD_PLAYBOOK = `apiVersion: firedrill/v1
kind: Playbook
metadata: { name: restore-orders, owner: team-orders }
objectives: { rto: 15m, rpo: 5m, hold: 30s }
params:
  until: { type: string, default: latest }
  level: { type: enum, values: [low, high], default: low }
phases:
  prepare:
    - id: backup
      uses: backup/find
      with: { select: newest, maxAge: 26h }
  disaster:
    - uses: disaster/declare
  recover:
    - id: sandbox
      uses: sandbox/create
      with: { kind: process, ttl: 2h }
    - id: restore
      uses: postgres/restore
      with:
        backup: "\${{ steps.backup.outputs.backup }}"
        into: "\${{ steps.sandbox.outputs.sandbox }}"
        until: "\${{ params.until }}"
      timeout: 30m
  verify:
    - uses: verify/sql
      with: { on: "\${{ steps.restore.outputs.database }}", query: select 1, expect: "> 0" }
`;

export const GOOD_INVENTORY = `apiVersion: firedrill/v1
kind: Inventory
systems:
  - name: orders
    engine: postgresql
    environment: test
    owner: team-orders
    tier: 1
    endpoints:
      primary: { host: orders.db.example, port: 5432 }
    credentials: { user: drill, password: env:ORDERS_PASSWORD, database: orders }
    backups:
      - { path: ./backups, wal: ./wal }
    objectives: { rto: 1h, rpo: 1m }
  - name: stock
    engine: postgresql
    environment: production
`;

/** Replaces exactly one place; a test that spoils nothing would prove nothing. */
export function spoil(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${JSON.stringify(from)} stands ${parts.length - 1} times in the document`);
  return parts.join(to);
}
