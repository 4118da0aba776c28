import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseLsn } from "../../../src/formats/postgres/lsn.ts";
import { formatSegmentName, segmentOf, segmentStart } from "../../../src/formats/postgres/wal-file-name.ts";
import { isWalRecordAt, type ReadWalPage } from "../../../src/formats/postgres/wal-record.ts";
import { nodeOf } from "../../support/failover-context.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";
import { majors } from "../../support/pg-machine.ts";

const layout = { segmentBytes: 16 * 1024 * 1024, blockBytes: 8192 };

function pagesOf(dataDir: string): ReadWalPage {
  return async (address) => {
    const segment = segmentOf(address, layout.segmentBytes);
    const name = formatSegmentName(1, segment, layout.segmentBytes);
    const file = await open(join(dataDir, "pg_wal", name)).catch(() => null);
    if (file === null) return null;
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(layout.blockBytes),
      0,
      layout.blockBytes,
      Number(address - segmentStart(segment, layout.segmentBytes)),
    );
    await file.close();
    return buffer.subarray(0, bytesRead);
  };
}

for (const major of majors) {
  test(`version ${major}: records are found where the server wrote them, over page and segment ends, and none at its end`, async () => {
    await using ha = await startHaCluster({ names: ["a"], major });
    await using session = await ha.session("a");
    const read = pagesOf(nodeOf(ha, "a").dataDir ?? "");
    const position = async (): Promise<bigint> => {
      const [row] = await session.query<{ lsn: string }>("select pg_current_wal_insert_lsn()::text as lsn");
      return parseLsn(row?.lsn ?? "");
    };
    // One of them is longer than a page, one ends a segment early.
    for (const act of ["repeat('x', 100)", "repeat('x', 100000)", "repeat('x', 17000000)"]) {
      const begin = await position();
      expect(await isWalRecordAt(begin, layout, read)).toBe(false);
      await session.query(`select pg_logical_emit_message(true, 'test', ${act})`);
      expect(await isWalRecordAt(begin, layout, read)).toBe(true);
      expect(await isWalRecordAt(begin + 8n, layout, read)).toBe(false);
    }
    await session.query("select pg_switch_wal()");
    const next = await position();
    await session.query("select pg_logical_emit_message(true, 'test', 'first of its segment')");
    expect(await isWalRecordAt(next, layout, read)).toBe(true);
    expect(await isWalRecordAt(await position(), layout, read)).toBe(false);
  });
}
