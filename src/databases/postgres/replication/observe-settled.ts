import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session } from "../../../steps/ports/postgres.ts";
import type { NodeView, ObserveOptions, Settled } from "../../../steps/ports/replication.ts";
import { onNode } from "./node-session.ts";
import { observeNode, type ObserveDeps } from "./observe-node.ts";

const POLL_MS = 50;

/** See `Replication.observeSettled`. */
export async function observeSettled(
  deps: ObserveDeps,
  system: SystemSnapshot,
  nodes: readonly NodeSpec[],
  options: ObserveOptions & { readonly settleMs: number },
): Promise<Settled> {
  const lastUs = deps.clock.monoUs() + options.settleMs * 1000;
  for (;;) {
    const views = await Promise.all(nodes.map((node) => observeNode(deps, system, node, options)));
    const asked = await Promise.all(views.map((view) => isPromoting(deps, system, view, options)));
    const promoting = views.filter((_, index) => asked[index]).map(({ node }) => node.name);
    if (promoting.length === 0 || deps.clock.monoUs() > lastUs) return { views, promoting };
    await delay(POLL_MS, undefined, { signal: options.signal });
  }
}

/** A standby that has given its answer and none to this question may be on its way to be the primary. */
async function isPromoting(
  { sessions }: ObserveDeps,
  system: SystemSnapshot,
  view: NodeView,
  { timeoutMs, signal }: ObserveOptions,
): Promise<boolean> {
  if (view.kind !== "standby") return false;
  try {
    return await onNode(sessions, system, view.node, { timeoutMs, signal, readOnly: true }, ask);
  } catch {
    signal.throwIfAborted();
    return true;
  }
}

/**
 * From `pg_promote` on there is its file, until the startup process takes it (xlogrecovery.c, CheckForStandbyTrigger); from then
 * on resuming the replay, which changes nothing where it is not paused, raises 55000. A login that may not promote has not.
 */
async function ask(session: Session): Promise<boolean> {
  const [row] = await session.query<{ may: boolean; paused: boolean }>(
    `select pg_catalog.has_function_privilege('pg_catalog.pg_promote(boolean, integer)', 'execute') as may,
      pg_catalog.pg_is_wal_replay_paused() as paused`,
  );
  if (row?.may !== true) return false;
  const [file] = await session.query<{ there: boolean }>(
    "select (pg_catalog.pg_stat_file('promote', true)).size is not null as there",
  );
  if (file?.there === true) return true;
  if (row.paused) return false;
  return session.query("select pg_catalog.pg_wal_replay_resume()").then(
    () => false,
    (error: unknown) => {
      if (error instanceof StepError && error.details["sqlstate"] === "55000") return true;
      throw error;
    },
  );
}
