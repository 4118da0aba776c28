import { expect, test } from "vitest";
import { lacksPgbench, restoreExactly } from "../../support/pgbench-exact.ts";

// With 1 GB: test/long/restore-pgbench.test.ts.
test.skipIf(lacksPgbench())(
  "pgbench data by the real pg_basebackup comes back to the last archived commit, row for row [needs a packaged PostgreSQL]",
  async () => {
    const { objectives } = await restoreExactly(1, 1);
    expect(objectives.rto).toMatchObject({ verdict: "met", value: { status: "measured" } });
  },
);
