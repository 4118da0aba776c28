import type { ReplicationState } from "../../drills/facts.ts";
import type { NodeView, PrimaryView } from "../ports/replication.ts";
import { bytesBehind } from "./wal-distance.ts";

type StandbyState = ReplicationState["standbys"][number];

/** What the nodes said, put together around their primary. Pure. */
export function replicationState(primary: PrimaryView, views: readonly NodeView[]): ReplicationState {
  const standbys = views
    .filter((view) => view.node.name !== primary.node.name)
    .map((view) => standbyState(primary, view));
  const { node, lsn, timeline, at } = primary;
  return { kind: "replication", at, primary: node.name, primaryLsn: lsn, timeline, standbys };
}

/** A standby that does not answer is not healthy, whatever the primary still believes of its connection. */
function standbyState({ lsn, senders }: PrimaryView, view: NodeView): StandbyState {
  const { name } = view.node;
  const sender = senders.find((candidate) => candidate.name === name) ?? null;
  const common = { node: name, sync: sender?.sync ?? null, lagUs: sender?.replayLagUs ?? null };
  if (view.kind !== "standby")
    return {
      ...common,
      reachable: view.kind === "primary",
      streaming: false,
      receivedLsn: null,
      replayedLsn: null,
      lagBytes: null,
    };
  const { receivedLsn, replayedLsn } = view;
  // A login without privileges does not see the receiver.
  const streaming = (view.receiver?.status ?? sender?.state) === "streaming";
  return { ...common, reachable: true, streaming, receivedLsn, replayedLsn, lagBytes: bytesBehind(lsn, receivedLsn) };
}
