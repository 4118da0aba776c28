import { z } from "zod";
import { StepError } from "../../src/drills/step-error.ts";
import {
  defineStep,
  type Reconciliation,
  type Step,
  type StepContext,
  type StepResult,
} from "../../src/engine/step-contract.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import type { Chance } from "./chance.ts";
import type { Monitor } from "./monitor.ts";
import { type Deed, type Manner, type Script, scriptOf } from "./sim-script.ts";
import type { SimPlan } from "./sim-plan.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimWorld } from "./sim-world.ts";

export interface StepsDeps {
  readonly process: SimProcess;
  readonly world: SimWorld;
  readonly monitor: Monitor;
  readonly simPlan: SimPlan;
  readonly trouble: number;
  readonly chance: Chance;
  readonly fault: (kind: string) => void;
  /** Whether this process has resolved the secret: only then can it keep it out of anything. */
  readonly secret: { known: boolean };
}

/** The text that must never be seen in a record. */
export const SECRET = "hunter2-correct-horse";
export const SECRET_REF = "env:SIM_SECRET";

const inputSchema = z.looseObject({ from: z.unknown().optional(), of: z.string().optional() });
const outputSchema = z.looseObject({ n: z.int(), word: z.string().optional() });
type Outputs = z.input<typeof outputSchema>;

/** Steps whose effects follow from the seed: what each attempt does, how it takes a stop and how it ends. */
export function simSteps(deps: StepsDeps): readonly Step[] {
  const step = (uses: string, parts: Partial<Step>): Step => ({
    ...defineStep({
      uses,
      summary: "A step of the simulation.",
      role: "action",
      effect: "sandbox",
      idempotent: true,
      with: inputSchema,
      outputs: outputSchema,
      creates: ["directory", "fault"],
      needsSystem: false,
      run: (input, ctx) => perform(input, ctx, deps),
    }),
    ...parts,
  });
  const asks: Partial<Step> = { idempotent: false, reconcile: (_input, ctx) => reconcile(ctx, deps) };
  return [
    step("sim/read", { effect: "read" }),
    step("sim/make", {}),
    step("sim/once", asks),
    step("sim/blind", { idempotent: false }),
    step("sim/strike", { ...asks, effect: "disruptive" }),
    step("sim/check", { role: "check", effect: "read" }),
    step("drill/hold", { role: "check", effect: "read" }),
  ];
}

/** How a stopped effect leaves its script. */
class Stopped extends Error {
  readonly manner: Manner;
  constructor(manner: Manner) {
    super(manner);
    this.manner = manner;
  }
}

interface Scene extends StepsDeps {
  readonly ctx: StepContext;
  readonly script: Script;
}

async function perform(
  input: z.output<typeof inputSchema>,
  ctx: StepContext,
  deps: StepsDeps,
): Promise<StepResult<Outputs>> {
  if (deps.process.alive) deps.monitor.begins(ctx, "run", deps.process);
  await deps.process.ask(`begin ${ctx.stepId}`, 0, () => undefined);
  if (input.of !== undefined) deps.monitor.inputOf(ctx, input.of, input.from);
  const step = deps.simPlan.plan.steps.find(({ id }) => id === ctx.stepId);
  if (step === undefined) throw new TypeError(`no step ${ctx.stepId}`);
  const script = scriptOf(step, deps.trouble, deps.chance.fork(`${ctx.stepId}/${ctx.attempt}/${ctx.epoch}`));
  const scene = { ...deps, ctx, script };
  try {
    return await played(scene);
  } catch (error) {
    // Whatever it says now, it was told to stop, and has stopped; unless it has found the subject broken.
    const finding = error instanceof StepError && error.class === "subject";
    if (ctx.signal.aborted) deps.monitor.forbidOutcome(ctx, finding ? "step.stopped" : "step.errored");
    throw error;
  } finally {
    if (script.trails) void trail(scene);
  }
}

async function played(scene: Scene): Promise<StepResult<Outputs>> {
  try {
    for (const deed of scene.script.deeds) await doDeed(deed, scene);
    return await endingOf(scene);
  } catch (error) {
    if (error instanceof Stopped) return stopped(error.manner, scene);
    throw error;
  }
}

/** A call that nobody waited for: it comes after the step has ended, and counts for nothing. */
async function trail({ ctx, monitor, process, fault }: Scene): Promise<void> {
  await process.ask("after its end", 200_000, () => undefined);
  fault("a step speaks after its end");
  const word = `trail-${ctx.stepId}-${process.clock.monoUs()}`;
  monitor.forbid(word);
  await ctx.deviation("SIM_TRAIL", word).catch(() => {});
}

async function doDeed(deed: Deed, scene: Scene): Promise<void> {
  const { ctx, monitor, process, world } = scene;
  switch (deed.kind) {
    case "wait":
      if (deed.ms > 2000) scene.fault("an effect is slow");
      return pause(deed.ms, scene);
    case "make":
      return make(deed, scene);
    case "act":
      await process.ask("before the act", 0, () => undefined);
      // Nothing comes between this question and the act.
      if (isStrike(scene)) await ctx.requireCurrent();
      ctx.signal.throwIfAborted();
      world.hear(ctx.epoch);
      monitor.acts(ctx, process);
      world.acts.push({ key: ctx.idempotencyKey, step: ctx.stepId, epoch: ctx.epoch });
      return process.ask("after the act", 500, () => undefined);
    case "note":
      return spoken("deviation", (word) => ctx.deviation("SIM_NOTE", word), scene);
    case "fact":
      return spoken(
        "fact",
        (word) =>
          ctx.fact({
            kind: "transfer",
            method: word,
            bytes: 1,
            files: 1,
            durationUs: 1,
            verifiedFiles: 1,
            verifiedBytes: 1,
            checksum: "none",
          }),
        scene,
      );
    case "T0":
      if (ctx.marks().some((set) => set.mark === "T0")) return;
      return mark("T0", 0, scene);
    case "hold":
      await pause(scene.simPlan.plan.objectives.holdMs, scene);
      return mark("T7", 50_000, scene);
    case "survivor":
      return spoken(
        "fact",
        (what) =>
          ctx.fact({
            kind: "newest_survivor",
            via: "heartbeat",
            what,
            newestWallUs: process.clock.wallUs() - scene.script.n * 400_000,
            intervalUs: 1_000_000,
          }),
        scene,
      );
    case "secret":
      return ctx.deviation("SIM_SECRET", `the secret is ${await secretOf(scene)}`);
    case "remove":
      await ctx.ledger.remove(ctx.stepId, "directory");
      return;
    case "halt":
      scene.fault("a step halts the run");
      ctx.halt("a person declined", "somebody");
      monitor.forbidOutcome(ctx, "step.errored");
      throw new StepError("permanent", "SIM_DECLINED", "a person declined");
    case "progress":
      return ctx.progress({ what: "at it", done: 1, total: 2, unit: "steps" });
    default:
      return deed satisfies never;
  }
}

async function secretOf({ ctx, secret }: Scene): Promise<string> {
  const value = await ctx.secret(SECRET_REF);
  secret.known = true;
  return value;
}

function isStrike({ simPlan, ctx }: Scene): boolean {
  return simPlan.plan.steps.find(({ id }) => id === ctx.stepId)?.effect === "disruptive";
}

/** Says something with a word of its own, and holds the engine to its answer. */
async function spoken(
  type: "deviation" | "fact" | "mark",
  say: (word: string) => Promise<void>,
  { ctx, monitor, process, script }: Scene,
): Promise<void> {
  const word = `${ctx.stepId}-${ctx.attempt}-${ctx.epoch}-${process.clock.monoUs()}-${script.n}`;
  await say(word);
  if (process.alive) monitor.told(type, word);
}

async function mark(name: "T0" | "T7", resolutionUs: number, scene: Scene): Promise<void> {
  const { clock } = scene.process;
  const at = { wallUs: clock.wallUs(), monoUs: clock.monoUs() };
  await spoken("mark", (note) => scene.ctx.mark({ mark: name, ...at, source: "prober", resolutionUs, note }), scene);
}

async function make({ what, stuck }: Extract<Deed, { readonly kind: "make" }>, scene: Scene): Promise<void> {
  const { ctx, monitor, process, world } = scene;
  const name = `${ctx.stepId}.${ctx.attempt}.${ctx.epoch}.${world.things.size}.${process.clock.monoUs()}`;
  if (ctx.signal.aborted) monitor.forbid(name);
  const resource = await ctx.ledger.plan({ kind: what, title: name, ttlMs: 60_000, locator: { name } });
  if (process.alive) monitor.told("resource.planned", name);
  await process.ask("before it is made", 0, () => undefined);
  ctx.signal.throwIfAborted();
  world.hear(ctx.epoch);
  monitor.makes(ctx, name, process);
  world.things.set(name, { name, kind: what, run: ctx.runId, installation: ctx.installation });
  if (stuck) world.stuck.add(name);
  await process.ask("after it was made", 800, () => undefined);
  await ctx.ledger.created(resource.id, { name, made: true });
}

/** Waits; told to stop meanwhile it leaves the script in its manner. */
async function pause(ms: number, { ctx, process, script }: Scene): Promise<void> {
  const over = Promise.withResolvers<void>();
  const leave = (): void => over.reject(new Stopped(script.manner));
  const disarm = process.timers.at(process.clock.monoUs() + ms * 1000, () => over.resolve());
  const heeds = script.manner !== "never";
  if (heeds) ctx.signal.addEventListener("abort", leave, { once: true });
  if (heeds && ctx.signal.aborted) leave();
  try {
    await over.promise;
  } finally {
    disarm();
    ctx.signal.removeEventListener("abort", leave);
  }
}

async function stopped(manner: Manner, scene: Scene): Promise<StepResult<Outputs>> {
  const { ctx, process, monitor } = scene;
  const sleep = (ms: number): Promise<void> => process.ask("stops", ms * 1000, () => undefined);
  if (manner === "slowly") await sleep(1500);
  if (manner === "too slowly") {
    scene.fault("an effect stops too late");
    await sleep(7000);
    const word = `late-${ctx.stepId}-${process.clock.monoUs()}`;
    monitor.forbid(word);
    await ctx.deviation("SIM_LATE", word).catch(() => {});
  }
  if (ctx.signal.aborted && manner === "slowly") await plansNothing(scene);
  if (manner === "succeeds anyway") return ended(scene);
  if (manner === "breaks") throw new StepError("permanent", "SIM_BROKE", "a closed socket");
  if (manner === "subject") throw new StepError("subject", "SIM_SUBJECT", "the backup is damaged");
  throw new DOMException("aborted", "AbortError");
}

/** Once it was told to stop nothing new may be planned. */
async function plansNothing({ ctx, process, monitor }: Scene): Promise<void> {
  const name = `never.${ctx.stepId}.${process.clock.monoUs()}`;
  monitor.forbid(name);
  await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 1, locator: { name } }).catch(() => undefined);
}

async function endingOf(scene: Scene): Promise<StepResult<Outputs>> {
  const { ending } = scene.script;
  if (ending !== "done" && ending !== "no") scene.fault(`an effect ends: ${ending}`);
  switch (ending) {
    case "done":
    case "no":
    case "looked at nothing":
      return ended(scene);
    case "transient":
    case "permanent":
    case "timeout":
    case "subject":
      throw new StepError(ending, "SIM_BROKE", `broke by chance${scene.secret.known ? `, with ${SECRET}` : ""}`);
    case "plain error":
      throw new Error("something inside broke");
    case "own abort":
      throw new DOMException("a limit of its own", "AbortError");
    case "hangs":
      await pause(3_600_000, scene);
      return ended(scene);
    case "bad outputs":
      return { kind: "done", outputs: { n: 1, half: 0.5 } };
    case "secret outputs":
      return { kind: "done", outputs: { n: 1, word: await secretOf(scene) } };
    default:
      return ending satisfies never;
  }
}

function ended({ script, simPlan, ctx }: Scene): StepResult<Outputs> {
  const outputs = { n: script.n };
  const step = simPlan.plan.steps.find(({ id }) => id === ctx.stepId);
  if (step?.role !== "check") return { kind: "done", outputs };
  const checked = script.ending === "looked at nothing" ? 0 : 3;
  const coverage = { checked, total: 3, unit: "tables" };
  return {
    kind: "check",
    passed: script.ending !== "no",
    outputs,
    check: { title: step.title, expected: "good", actual: "seen", coverage },
  };
}

async function reconcile(ctx: StepContext, deps: StepsDeps): Promise<Reconciliation<Outputs>> {
  const { process, world, monitor, fault, trouble } = deps;
  if (process.alive) monitor.begins(ctx, "reconcile", process);
  await process.ask(`ask about ${ctx.stepId}`, 0, () => undefined);
  const chance = deps.chance.fork(`reconcile/${ctx.stepId}/${ctx.attempt}/${ctx.epoch}`);
  const slow = chance.happens(trouble * 0.3);
  if (slow) fault("a reconcile is slow");
  await process.ask("the world is asked", slow ? 9_000_000 : 3000, () => undefined);
  world.hear(ctx.epoch);
  const answer = chance.weighted({ truth: 4, unknown: trouble, throws: trouble });
  if (answer !== "truth") fault(`a reconcile does not know: ${answer}`);
  if (answer === "unknown") return { kind: "unknown", message: "the server does not answer" };
  if (answer === "throws") throw new FiredrillError("SIM_GONE", "the server is gone");
  const happened = world.hasActed(ctx.idempotencyKey);
  monitor.reconciled(ctx, happened ? "happened" : "did_not_happen");
  return happened ? { kind: "happened", outputs: { n: 7 } } : { kind: "did_not_happen" };
}
