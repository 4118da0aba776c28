import { z } from "zod";
import { clientPathSchema } from "../drills/client-path.ts";
import { StepError } from "../drills/step-error.ts";
import type { ResourceKeeper } from "../engine/step-contract.ts";
import type { Clock } from "../support/clock.ts";
import type { JsonObject } from "../support/json.ts";
import type { CanaryConnection } from "./connection.ts";
import { CANARY_SCHEMA, TABLE_NAME } from "./names.ts";
import { pathSpec, pathText, type ReadSecret } from "./path-spec.ts";
import { connectForWrites } from "./read-back.ts";
import { dropTables, tablesThere } from "./tables.ts";

export interface CanaryTableKeeperDeps {
  readonly clock: Clock;
  readonly secret: ReadSecret;
}

const CONNECT_US = 3_000_000;

/**
 * Drops the canary's tables on the clients' path. It cannot list them: they are in the systems, which only the ledger
 * names. While no server takes writes it throws, so that they are reported as left over.
 */
export function canaryTableKeeper(deps: CanaryTableKeeperDeps): ResourceKeeper {
  return {
    kind: "canary-table",
    list: async () => [],
    destroy: async (locator, signal) =>
      onPath(readLocator(locator), deps, signal, (connection, { schema, table }) =>
        dropTables(connection, schema, table),
      ),
    verifyGone: async (locator, signal) =>
      onPath(readLocator(locator), deps, signal, async (connection, { schema, table }) => {
        const there = await tablesThere(connection, schema, table);
        const what = there.length === 0 ? `neither ${table} nor its probe table exists` : `${there.join(", ")} exists`;
        return { gone: there.length === 0, how: `to_regclass at ${connection.endpoint}: ${what}` };
      }),
  };
}

const locatorSchema = z.object({
  schema: z.literal(CANARY_SCHEMA),
  table: z.string().regex(TABLE_NAME),
  path: clientPathSchema,
});
type TableLocator = z.infer<typeof locatorSchema>;

/** A locator comes from a file: it may name nothing but what a canary makes. */
function readLocator(locator: JsonObject): TableLocator {
  const read = locatorSchema.safeParse(locator);
  if (read.success) return read.data;
  throw new StepError(
    "permanent",
    "TRAFFIC_LOCATOR",
    `the ledger names no canary's table: ${JSON.stringify(locator)}`,
    {
      hint: `nothing was dropped; look into the schema ${CANARY_SCHEMA} of the system`,
    },
  );
}

async function onPath<T>(
  locator: TableLocator,
  { clock, secret }: CanaryTableKeeperDeps,
  signal: AbortSignal,
  work: (connection: CanaryConnection, locator: TableLocator) => Promise<T>,
): Promise<T> {
  const path = await pathSpec(locator.path, CONNECT_US, secret);
  signal.throwIfAborted();
  const connection = await connectForWrites(path, { clock, application: "firedrill", signal });
  const abort = (): void => connection.drop("stopped");
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await work(connection, locator);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StepError)) throw error;
    throw new StepError(error.class, error.code, `${locator.table} along ${pathText(path)}: ${error.message}`, {
      cause: error,
    });
  } finally {
    signal.removeEventListener("abort", abort);
    await connection.close();
  }
}
