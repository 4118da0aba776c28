import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { NodeView, ObserveOptions, StandbyView } from "../../../steps/ports/replication.ts";
import { type Clock, type Instant, instant } from "../../../support/clock.ts";
import { onNode, reasonOf } from "./node-session.ts";
import { type ObservedRow, observedRow, observeQuery } from "./observe-query.ts";

export interface ObserveDeps {
  readonly sessions: Sessions;
  readonly clock: Clock;
}

/** One server's own words, or that it has none. Rejects only when `options.signal` is aborted. */
export async function observeNode(
  deps: ObserveDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  options: ObserveOptions,
): Promise<NodeView> {
  try {
    return await onNode(deps.sessions, system, node, { ...options, readOnly: true }, async (session) => {
      const row = await ask(session);
      return viewOf(node, row, instant(deps.clock));
    });
  } catch (error) {
    const reason = reasonOf(error, options.timeoutMs, options.signal);
    return { kind: "unreachable", node, at: instant(deps.clock), reason, closed: nobodyListens(error) };
  }
}

/** ENOENT: the socket's file is gone. */
function nobodyListens(error: unknown): boolean {
  const cause = error instanceof StepError && error.code === "PG_CONNECT" ? error.cause : null;
  return cause instanceof Error && "code" in cause && (cause.code === "ECONNREFUSED" || cause.code === "ENOENT");
}

/** A server that is being promoted while it answers raises 55000: the second answer is the new role's. */
async function ask(session: Session): Promise<ObservedRow> {
  try {
    return await askAs(session, true);
  } catch (error) {
    const state = error instanceof StepError ? error.details["sqlstate"] : null;
    if (state === "55000") return askAs(session, true);
    if (state === "42501") return askAs(session, false);
    throw error;
  }
}

async function askAs(session: Session, full: boolean): Promise<ObservedRow> {
  const [row] = await session.query(observeQuery(full));
  return observedRow.parse(row);
}

function viewOf(node: NodeSpec, row: ObservedRow, at: Instant): NodeView {
  const server = { node, at, major: Math.floor(row.version / 10_000), systemIdentifier: row.system, port: row.port };
  if (row.standby) return { ...server, ...standbyOf(row) };
  return {
    kind: "primary",
    ...server,
    timeline: row.wal_timeline ?? 0,
    lsn: row.lsn ?? "0/0",
    beganLsn: row.began,
    readOnly: row.read_only,
    senders: row.senders ?? [],
  };
}

type StandbyPart = Omit<StandbyView, "node" | "at" | "major" | "systemIdentifier" | "port">;

function standbyOf(row: ObservedRow): StandbyPart {
  const { receiver } = row;
  return {
    kind: "standby",
    ...timelineOf(row),
    receivedLsn: row.received,
    replayedLsn: row.replayed,
    replayPaused: row.paused,
    receiver: receiver === null ? null : { status: receiver.status, host: receiver.host, port: receiver.port },
  };
}

/** `received_tli` is 0 or null before anything was received on this connection. */
function timelineOf(row: ObservedRow): Pick<StandbyView, "timeline" | "timelineFrom"> {
  const streaming = row.receiver?.timeline ?? 0;
  if (streaming > 0) return { timeline: streaming, timelineFrom: "receiver" };
  const control = row.control_timeline ?? 0;
  if (row.segment_timeline === null) return { timeline: control, timelineFrom: "control_file" };
  return { timeline: Math.max(row.segment_timeline, control), timelineFrom: "wal" };
}
