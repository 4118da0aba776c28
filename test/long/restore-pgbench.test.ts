import { expect, test } from "vitest";
import { lacksPgbench, restoreExactly } from "../support/pgbench-exact.ts";

test.skipIf(lacksPgbench())(
  "1 GB by the real pg_basebackup comes back to the last archived commit, row for row [needs a packaged PostgreSQL]",
  async () => {
    const { objectives, observed } = await restoreExactly(64, 5);
    expect(objectives.rto.value.status).toBe("measured");
    process.stdout.write(`${JSON.stringify(objectives.rto.value)}\n${JSON.stringify(observed.recoveryPoint)}\n`);
  },
);
