import { setTimeout as delay } from "node:timers/promises";
import type { Session } from "../steps/ports/postgres.ts";
import { PLACE_ORDER } from "./orders-database.ts";

/** Customers who go on buying until the database is lost. */
export interface Shop {
  /** Orders acknowledged so far. */
  orders(): number;
  /** Resolves when the writer has ended, also because its connection broke. */
  close(): Promise<void>;
}

/** One transaction after another, about `perSecond` of them. */
export function openShop(session: Session, perSecond: number): Shop {
  const closing = new AbortController();
  let orders = 0;
  async function sell(): Promise<void> {
    await using connection = session;
    while (!closing.signal.aborted) {
      await connection.query(PLACE_ORDER, [
        1 + (orders % 100),
        1000 + orders,
        `Order placed while the demo ran, number ${orders}`,
      ]);
      orders += 1;
      await delay(1000 / perSecond, undefined, { signal: closing.signal });
    }
  }
  // The disaster breaks the connection in the middle of an order: that is what it is for.
  const ended = sell().catch(() => undefined);
  return {
    orders: () => orders,
    async close() {
      closing.abort();
      await ended;
    },
  };
}
