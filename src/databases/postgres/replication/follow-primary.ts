import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import type { Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { PrimaryView, StandbyView } from "../../../steps/ports/replication.ts";
import { type Instant, instant } from "../../../support/clock.ts";
import { quoteLiteral } from "../quote.ts";
import { standbyConninfo } from "../standby-conninfo.ts";
import { onNode } from "./node-session.ts";
import { observeNode, type ObserveDeps } from "./observe-node.ts";

const TELL_TIMEOUT_MS = 5000;
const LOOK_TIMEOUT_MS = 1000;
const POLL_MS = 20;

/** See `Replication.repoint`. */
export async function repointStandby(
  sessions: Sessions,
  system: SystemSnapshot,
  standby: NodeSpec,
  primary: NodeSpec,
  signal: AbortSignal,
): Promise<void> {
  const limits = { timeoutMs: TELL_TIMEOUT_MS, signal };
  const slot = await onNode(sessions, system, standby, limits, async (session) => {
    const { former, slot: name } = await askFormer(session);
    const conninfo = standbyConninfo(system, standby, primary, former);
    // The setting's value stands in a utility statement, where a parameter is not possible.
    await session.query(`alter system set primary_conninfo = ${quoteLiteral(conninfo)}`);
    await session.query("select pg_catalog.pg_reload_conf()");
    return name;
  });
  // It asks for its slot by name, which the new primary does not have: slots are not replicated.
  if (slot !== "") await onNode(sessions, system, primary, limits, (session) => makeSlot(session, slot));
}

/** See `Replication.follow`. */
export async function followPrimary(
  deps: ObserveDeps,
  system: SystemSnapshot,
  standby: NodeSpec,
  primary: NodeSpec,
  signal: AbortSignal,
): Promise<Instant> {
  await repointStandby(deps.sessions, system, standby, primary, signal);
  for (;;) {
    const looks = [standby, primary].map((node) =>
      observeNode(deps, system, node, { timeoutMs: LOOK_TIMEOUT_MS, signal }),
    );
    const [own, its] = await Promise.all(looks);
    if (own?.kind === "standby" && its?.kind === "primary" && streams(own, its)) return instant(deps.clock);
    await delay(POLL_MS, undefined, { signal });
  }
}

/** At first it may stream the rest of the old timeline, up to where the new one began. */
function streams({ receiver, timeline }: StandbyView, primary: PrimaryView): boolean {
  const { host, port } = primary.node.endpoint;
  const there = receiver?.status === "streaming" && receiver.host === host && receiver.port === port;
  return there && timeline === primary.timeline;
}

async function askFormer(session: Session): Promise<{ readonly former: string; readonly slot: string }> {
  const [row] = await session.query<{ former: string | null; slot: string | null }>(
    "select pg_catalog.current_setting('primary_conninfo') as former, pg_catalog.current_setting('primary_slot_name') as slot",
  );
  return { former: row?.former ?? "", slot: row?.slot ?? "" };
}

async function makeSlot(session: Session, name: string): Promise<void> {
  await session.query(
    `select pg_catalog.pg_create_physical_replication_slot($1, true)
      where not exists (select from pg_catalog.pg_replication_slots s where s.slot_name operator(pg_catalog.=) $1)`,
    [name],
  );
}
