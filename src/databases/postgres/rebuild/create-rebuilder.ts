/**
 * Makes an old primary, or a standby that lost its way, a standby of the present primary.
 *
 * Owns: the order of things in one data directory and the folders beside it. Does not: decide who the primary is.
 *
 * Invariants
 *  S1  What only the old server has is never taken away before its copy is complete, and then only when that was asked for.
 *  S2  The data directory is replaced by two renames; whoever finds it missing completes the second.
 *  S3  From its first start on it is a standby: `standby.signal` and where to connect to are written before.
 */
import { nodeDatabase } from "../../../drills/node-database.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Rebuilder, RebuildRequest, Rebuilt } from "../../../steps/ports/rebuild.ts";
import type { Watch } from "../../../steps/ports/backup-source.ts";
import type { NodeView, PrimaryView } from "../../../steps/ports/replication.ts";
import { instant } from "../../../support/clock.ts";
import { standbyConninfo } from "../standby-conninfo.ts";
import { baseCopy, removeOld } from "./base-copy.ts";
import { type Divergence, divergence } from "./divergence.ts";
import { readNote, type RebuildNote, saveOwnFiles } from "./own-files.ts";
import type { RebuilderDeps, RebuildWork } from "./rebuild-deps.ts";
import { isFolder, type RebuildPlace, rebuildPlace } from "./rebuild-place.ts";
import { findRewind, rewind } from "./rewind.ts";
import { formerConninfo, makeStandby } from "./standby-settings.ts";
import { startStreaming, streamsFrom, UNREACHABLE } from "./start-streaming.ts";

const LOOK_TIMEOUT_MS = 2000;
const STOP_GRACE_MS = 30_000;

export function createRebuilder(deps: RebuilderDeps): Rebuilder {
  return { rebuild: (request, watch) => rebuild(deps, request, watch) };
}

async function rebuild(deps: RebuilderDeps, request: RebuildRequest, watch: Watch): Promise<Rebuilt> {
  const { system, node } = request;
  const place = await rebuildPlace(node, request.owner.run);
  const looked = await deps.replication.observe(system, [node, request.primary], {
    timeoutMs: LOOK_TIMEOUT_MS,
    signal: watch.signal,
  });
  const primary = requireRoles(request, looked);
  const [view] = looked;
  const note = await readNote(place);
  if (view?.kind === "standby" && streamsFrom(view, { request, primary })) {
    await removeOld(place);
    const now = instant(deps.clock);
    // Since when nobody saw: some time since the machine was started.
    const streaming = { ...now, resolutionUs: now.monoUs };
    return rebuilt(place, note.done ?? "followed", "it streams already", note, streaming);
  }
  await deps.control.stop(node, "fast", STOP_GRACE_MS, watch.signal);
  const saved = await saveOwnFiles(place);
  // From what was saved: after a pg_rewind that was cut off the data directory has the primary's.
  const conninfo = standbyConninfo(system, node, request.primary, await formerConninfo(place.own));
  const done = await tryWays({ deps, request, place, primary, conninfo, watch }, saved);
  await removeOld(place);
  return done;
}

/** Throws `REBUILD_PRIMARY` when the node itself is one, or the other is none. */
function requireRoles({ node, primary }: RebuildRequest, [own, other]: readonly NodeView[]): PrimaryView {
  if (own?.kind === "primary")
    throw wrongRole(`${node.name} is a primary that takes connections`, "fence it first: postgres/fence");
  if (other?.kind === "primary") return other;
  throw wrongRole(`${primary.name} is not the primary`, "postgres/replica-status says who is");
}

function wrongRole(message: string, hint: string): StepError {
  return new StepError("permanent", "REBUILD_PRIMARY", message, { hint });
}

/** Each way that fails is a reason for the next one. */
async function tryWays(work: RebuildWork, note: RebuildNote): Promise<Rebuilt> {
  const state = await stateOf(work, note);
  const ways = await waysFor(work, state);
  const reasons = [state.reason];
  for (const [index, way] of ways.entries()) {
    const last = index === ways.length - 1;
    try {
      // S1: when it could not follow, it may have something of its own after all.
      const streaming = await go(work, way, index === 0 ? state : inDoubt(state));
      const now = await readNote(work.place);
      return await rebuilt(
        work.place,
        way === "followed" ? (now.done ?? way) : way,
        reasons.join("; "),
        now,
        streaming,
      );
    } catch (error) {
      work.watch.signal.throwIfAborted();
      if (last || !(error instanceof StepError) || error.code === UNREACHABLE) throw error;
      reasons.push(error.message);
      await work.deps.control.stop(work.request.node, "fast", STOP_GRACE_MS, work.watch.signal);
    }
  }
  throw new StepError(
    "permanent",
    "REBUILD_METHOD",
    `${work.request.node.name} cannot be rebuilt: ${reasons.join("; ")}`,
  );
}

function inDoubt(state: Divergence): Divergence {
  return state.kind === "none" ? { kind: "unknown", reason: state.reason } : state;
}

async function stateOf({ deps, request, place, primary, watch }: RebuildWork, note: RebuildNote): Promise<Divergence> {
  if (note.rewinding) return { kind: "unknown", reason: "an earlier pg_rewind was cut off" };
  const options = { readOnly: true, statementTimeoutMs: 10_000, connectTimeoutMs: 5000, signal: watch.signal };
  await using session = await deps.sessions.open(nodeDatabase(request.system, request.primary), options);
  return await divergence(place.dataDir, primary, session);
}

type Way = Rebuilt["method"];

/** Throws `REBUILD_METHOD` for one that was asked for and cannot be. */
async function waysFor(work: RebuildWork, state: Divergence): Promise<readonly Way[]> {
  const { method } = work.request;
  const canRewind = state.kind === "diverged" && (await findRewind(work)) !== null;
  switch (method) {
    case "base_copy":
      return ["base_copy"];
    case "pg_rewind":
      if (state.kind === "none") return ["followed"];
      if (canRewind) return ["pg_rewind"];
      throw noMethod(
        work,
        state.kind === "unknown" ? state.reason : `there is no pg_rewind ${work.primary.major} on this machine`,
      );
    case "followed":
      if (state.kind === "none") return ["followed"];
      throw noMethod(work, state.reason);
    case "auto":
      if (state.kind === "none") return ["followed", "base_copy"];
      return canRewind ? ["pg_rewind", "base_copy"] : ["base_copy"];
    default:
      return method satisfies never;
  }
}

function noMethod({ request }: RebuildWork, why: string): StepError {
  return new StepError(
    "permanent",
    "REBUILD_METHOD",
    `${request.node.name} cannot be rebuilt with ${request.method}: ${why}`,
    {
      hint: "use `method: auto`",
    },
  );
}

async function go(work: RebuildWork, way: Way, state: Divergence): Promise<Rebuilt["streaming"]> {
  const { place, conninfo } = work;
  if (way === "base_copy") await baseCopy(work, state);
  if (way === "pg_rewind") await rewind(work, (await findRewind(work)) ?? "", state);
  await makeStandby(place.dataDir, conninfo, place.owner); // S3
  return startStreaming(work);
}

async function rebuilt(
  { diverged }: RebuildPlace,
  method: Way,
  reason: string,
  { bytes }: RebuildNote,
  streaming: Rebuilt["streaming"],
): Promise<Rebuilt> {
  return { method, reason, bytes, kept: (await isFolder(diverged)) ? diverged : null, streaming };
}
