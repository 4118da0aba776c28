/**
 * One simulated run from one seed: the engine as it ships, with a clock, a disk, a world and a fate that follow from the seed.
 *
 * Owns: the lives of the orchestrator, one after another until the run has ended, and what happens to them.
 *
 * Each turn lets the engine run until it waits for something, looks at every promise, and goes on to what is due next.
 */
import { startRun } from "../../src/engine/execute-run.ts";
import type { RunHandle, RunOutcome } from "../../src/engine/drive-run.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import type { RunSession } from "../../src/engine/run-session.ts";
import { existingRunDir, journalPath } from "../../src/engine/state/run-directory.ts";
import { runDir } from "../../src/engine/state/state-directory.ts";
import { startResume, takeOver } from "../../src/engine/resume-run.ts";
import { lockRun } from "../../src/engine/state/run-owner.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import { requestFor } from "../support/engine-bench.ts";
import { Chance } from "./chance.ts";
import { Monitor } from "./monitor.ts";
import { recordOf, verifiedLines } from "./journal-lines.ts";
import { oracle } from "./oracle.ts";
import { requireSameState } from "./same-state.ts";
import { SimDisk } from "./sim-disk.ts";
import { simEngine, STATE_ROOT } from "./sim-engine.ts";
import { simPlan, type SimPlan } from "./sim-plan.ts";
import { SimProcess } from "./sim-process.ts";
import { SECRET } from "./sim-steps.ts";
import { SimMachine, SimTime } from "./sim-time.ts";
import { SimWorld } from "./sim-world.ts";
import { must, Violation } from "./violation.ts";

export interface SimReport {
  readonly seed: number;
  /** The promise that was broken; null when all held. */
  readonly violation: string | null;
  readonly stack: string | null;
  readonly journal: string;
  readonly records: number;
  readonly turns: number;
  readonly lives: number;
  /** Each kind of thing that happened, and how often. */
  readonly faults: ReadonlyMap<string, number>;
  /** `result RULE` of the verdict; null when the run never began. */
  readonly verdict: string | null;
}

type Trace = (line: string) => void;

export async function simulate(seed: number, trace: Trace | null = null): Promise<SimReport> {
  const run = new Simulation(seed, trace);
  try {
    await run.live();
    return run.report(null);
  } catch (error) {
    return run.report(error instanceof Error ? error : new Error(String(error)));
  }
}

const PLACES =
  "before-append after-append after-sync before-effect after-effect read replace open write sync truncate mkdir close".split(
    " ",
  );

function placeOf(where: string): string {
  if (where === "between two events") return where;
  return PLACES.find((place) => where.startsWith(`${place} `)) ?? "in an effect";
}

/** Its run was taken by another machine, while it stood still or went on. */
const OVERTAKEN = "overtaken";

type End =
  | { readonly kind: typeof OVERTAKEN }
  | { readonly kind: "lives" }
  | { readonly kind: "ended"; readonly outcome: RunOutcome }
  | { readonly kind: "failed"; readonly error: unknown };

const LONGEST_TURNS = 60_000;
const MOST_LIVES = 8;

class Simulation {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #time = new SimTime();
  readonly #machine = new SimMachine(this.#time);
  readonly #world = new SimWorld();
  readonly #faults = new Map<string, number>();
  readonly #simPlan: SimPlan;
  readonly #trouble: number;
  /** Whether orchestrators die and disks fail. */
  readonly #mortal: boolean;
  readonly #monitor: Monitor;
  readonly #disk: SimDisk;
  readonly #trace: (text: string) => void;
  readonly #isTraced: boolean;
  #process: SimProcess | null = null;
  /** Of the present life, once it has one. */
  #session: RunSession | null = null;
  #runId: string | null = null;
  /** Owners that live and were overtaken. */
  readonly #overtaken: SimProcess[] = [];
  readonly #epochs = new Map<SimProcess, number>();
  #turns = 0;
  #lives = 0;

  constructor(seed: number, trace: Trace | null) {
    this.#seed = seed;
    this.#isTraced = trace !== null;
    this.#trace = (text) =>
      trace?.(`${(this.#time.nowUs / 1000).toFixed(3).padStart(11)} ms  p${this.#process?.pid ?? 0}  ${text}`);
    this.#chance = new Chance(`firedrill/${seed}`);
    const fate = this.#chance.fork("fate");
    this.#trouble = fate.happens(0.35) ? 0 : fate.next();
    this.#mortal = fate.happens(0.6);
    this.#simPlan = simPlan(this.#chance.fork("plan"), this.#trouble);
    this.#monitor = new Monitor(this.#simPlan, this.#world, this.#time, this.#trace);
    this.#monitor.forbid(SECRET);
    const weak = this.#mortal && fate.happens(0.3);
    const faults = {
      write: weak ? 0.01 : 0,
      sync: weak ? 0.01 : 0,
      replace: weak ? 0.02 : 0,
      slowSync: this.#mortal ? 0.01 : 0,
    };
    this.#disk = new SimDisk(this.#chance.fork("disk"), faults, {
      synced: (path, durable) => {
        if (path.endsWith("journal.jsonl")) this.#monitor.synced(durable, this.#process);
      },
      fault: (kind, by) => {
        this.#fault(kind);
        if (kind.startsWith("the journal cannot")) this.#monitor.journalFailed(by);
        if (kind === "the disk is full") this.#monitor.diskFull(by);
      },
    });
    this.#disk.makeFolder(STATE_ROOT);
    this.#disk.makeFolder(`${STATE_ROOT}/runs`);
  }

  report(error: Error | null): SimReport {
    const journal =
      this.#runId === null
        ? ""
        : (this.#disk.read(journalPath(runDir(STATE_ROOT, this.#runId)))?.toString("utf8") ?? "");
    const { finished } = this.#monitor.mirror;
    const rule = finished === null ? null : oracle(this.#simPlan.plan, this.#monitor.records).rule;
    return {
      seed: this.#seed,
      violation: error === null ? null : error.message,
      stack: error === null || error instanceof Violation ? null : (error.stack ?? null),
      journal,
      records: this.#monitor.records.length,
      turns: this.#turns,
      lives: this.#lives,
      faults: this.#faults,
      verdict: finished === null ? null : `${finished.result} ${rule ?? ""}`,
    };
  }

  /** One life after another until the run has ended. */
  async live(): Promise<void> {
    for (;;) {
      const end = await this.#oneLife();
      if (end.kind === "ended") return this.#ended(end.outcome);
      if (end.kind === "failed" && this.#isOver(end.error)) return;
      await this.#between();
    }
  }

  async #oneLife(): Promise<End> {
    this.#lives += 1;
    const fate = this.#chance.fork(`life/${this.#lives}`);
    const process = new SimProcess(1000 + this.#lives, this.#machine, fate.fork("process"));
    this.#process = process;
    this.#session = null;
    this.#monitor.session = null;
    const last = this.#lives >= MOST_LIVES;
    if (this.#mortal && !last && fate.happens(0.8))
      process.dieAt = Math.ceil(fate.next() * (fate.happens(this.#lives === 1 ? 0.1 : 0.4) ? 30 : 250));
    if (last) this.#disk.faults = { write: 0, sync: 0, replace: 0, slowSync: 0 };
    this.#trace(
      `--- life ${this.#lives}: ${this.#simPlan.plan.steps.length} steps, trouble ${this.#trouble.toFixed(2)}, dies at tick ${process.dieAt}`,
    );
    const holder: { end: End; handle: RunHandle | null } = { end: { kind: "lives" }, handle: null };
    void this.#begin(process, fate)
      .then(async (handle) => {
        holder.handle = handle;
        this.#runId = handle.runId;
        holder.end = { kind: "ended", outcome: await handle.outcome };
      })
      .catch((error: unknown) => {
        holder.end = { kind: "failed", error };
      });
    this.#interventions(process, holder, fate.fork("interventions"));
    const lives = (): boolean => holder.end.kind === "lives" && process.alive && !this.#overtaken.includes(process);
    while (lives()) await this.#turn(lives);
    if (this.#overtaken.includes(process)) return this.#leave(process, holder);
    this.#monitor.check(process);
    this.#compareState();
    if (process.alive && holder.end.kind === "failed") this.#trace(`failed: ${String(holder.end.error)}`);
    if (!process.alive) this.#trace(`DIED (${process.death ?? ""}) ${process.diedAt}`);
    return holder.end;
  }

  /** Lets everything run that can, looks, and goes on to what is due next. */
  async #turn(goesOn: () => boolean): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#monitor.check(this.#process);
    if (!goesOn()) return;
    this.#turns += 1;
    must(this.#turns < LONGEST_TURNS, "the run does not end");
    this.#process?.tick("between two events");
    if (goesOn()) must(this.#time.step(), "nothing is due any more, and the run has not ended");
  }

  async #begin(process: SimProcess, fate: Chance): Promise<RunHandle> {
    const deps = this.#engineOf(process, `engine/${this.#lives}`);
    this.#runId ??= this.#foundRun();
    if (this.#runId === null) {
      const request = requestFor(this.#simPlan.plan, this.#simPlan.confirm);
      return startRun({ ...request, seed: `seed-${this.#seed}` }, deps);
    }
    const found = this.#disk.read(journalPath(runDir(STATE_ROOT, this.#runId)));
    const ends = found === null || found.length === 0 || found.at(-1) === 0x0a;
    // An owner that lives may still write.
    this.#monitor.foundTorn = ends || this.#overtaken.length > 0 ? null : process.pid;
    if (fate.happens(0.7)) {
      this.#fault("a resume");
      return startResume(this.#runId, deps);
    }
    this.#fault("a clean");
    const dir = existingRunDir(STATE_ROOT, this.#runId, deps.files);
    const lock = await lockRun(dir, deps.files);
    const halt = { by: "recovery", reason: "its orchestrator died", who: "sim" } as const;
    return takeOver({ runId: this.#runId, dir, lock, halt, seizure: null }, deps);
  }

  #engineOf(process: SimProcess, words: string): EngineDeps {
    return simEngine({
      process,
      world: this.#world,
      disk: this.#disk,
      time: this.#time,
      monitor: this.#monitor,
      simPlan: this.#simPlan,
      trouble: this.#trouble,
      chance: this.#chance.fork(words),
      fault: (kind) => {
        if (process.alive) this.#fault(kind);
      },
      onSession: (session) => {
        this.#epochs.set(process, session.epoch);
        if (process !== this.#process) return;
        this.#session = session;
        this.#monitor.session = session;
      },
      isTraced: this.#isTraced,
      trace: (text) => {
        if (process.alive) this.#trace(text);
      },
    });
  }

  /** A run whose orchestrator died before it could say its id. */
  #foundRun(): string | null {
    return this.#disk.foldersIn(`${STATE_ROOT}/runs/`).at(0) ?? null;
  }

  #interventions(process: SimProcess, holder: { readonly handle: RunHandle | null }, fate: Chance): void {
    const at = (kind: string, probability: number, call: () => void): void => {
      if (!fate.happens(probability)) return;
      this.#time.after(fate.between(1, 9000) * 1000, () => {
        if (!process.alive || holder.handle === null || this.#monitor.mirror.finished !== null) return;
        if (this.#overtaken.includes(process)) return;
        this.#fault(kind);
        call();
      });
    };
    const halted = (): boolean => this.#monitor.mirror.halted || this.#monitor.mirror.ended;
    at("halted by a person", this.#trouble * 0.1, () => {
      const folder = fate.happens(0.5) ? STATE_ROOT : runDir(STATE_ROOT, holder.handle?.runId ?? "");
      const request = {
        schemaVersion: "firedrill/halt/v1",
        who: "ada",
        reason: "enough",
        wallUs: process.clock.wallUs(),
      };
      this.#disk.put(`${folder}/halt.json`, fate.happens(0.1) ? "{" : JSON.stringify(request));
      this.#monitor.obligations.owe("a halt that was asked for", 2_000_000, halted);
    });
    at("halted by a signal", this.#trouble * 0.08, () => {
      holder.handle?.halt({ by: "signal", reason: "SIGTERM", who: null });
      this.#monitor.obligations.owe("a halt by signal", 0, halted);
    });
    at("the wall clock is set", this.#mortal ? 0.08 : 0, () =>
      this.#machine.setWall(fate.between(-3600, 3600) * 1_000_000),
    );
    at("a second orchestrator", this.#mortal ? 0.1 : 0, () => this.#intruder());
    at("overtaken by another machine", this.#mortal && this.#lives < MOST_LIVES ? 0.2 : 0, () =>
      this.#overtake(process, fate),
    );
    at("stopped for a while", this.#mortal ? 0.1 : 0, () => {
      process.stop();
      this.#time.after(fate.between(1, 60) * 1_000_000, () => {
        this.#monitor.obligations.excuse();
        process.go();
      });
    });
  }

  #compareState(): void {
    // It takes as long as all the rest of a run.
    if (this.#session === null || this.#seed % 4 !== 0) return;
    const bytes = this.#disk.read(journalPath(this.#session.dir)) ?? Buffer.alloc(0);
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1).toString("utf8");
    const inFile = verifiedLines(whole, null).map((record) => recordOf(record));
    requireSameState(this.#simPlan.plan, this.#session, inFile);
  }

  /** A run that has an owner is refused to anybody else. */
  #intruder(): void {
    const owner = this.#process;
    const runId = this.#runId;
    if (owner === null || runId === null) return;
    const intruder = new SimProcess(9000 + this.#lives, this.#machine, this.#chance.fork(`intruder/${this.#lives}`));
    startResume(runId, this.#engineOf(intruder, `intruder/${this.#lives}`)).then(
      () => this.#monitor.refuse("a run has two orchestrators"),
      (error: unknown) => {
        if (!(error instanceof FiredrillError) || error.code !== "RUN_LOCKED")
          this.#monitor.refuse(`a second orchestrator is told: ${String(error)}`);
        intruder.die("killed", "was refused");
      },
    );
  }

  /** It goes on, and must not: what it says of its end is looked at when it says it. */
  #leave(process: SimProcess, holder: { readonly end: End }): End {
    const look = (): void => {
      const { end } = holder;
      if (end.kind === "lives") {
        if (process.alive) this.#time.after(100_000, look);
        return;
      }
      const code = end.kind === "failed" && end.error instanceof FiredrillError ? end.error.code : end.kind;
      // Where the other one died before it had the run, it was not overtaken after all.
      if (end.kind === "ended" && this.#monitor.mirror.epoch !== this.#epochs.get(process))
        this.#monitor.refuse("an owner that was overtaken has ended the run");
      if (!["STALE_OWNER", "JOURNAL_FAILED", "ended"].includes(code))
        this.#monitor.refuse(`an owner that was overtaken fails with ${code}`);
      this.#fault(`an overtaken owner ends: ${code}`);
      process.die("killed", "was overtaken");
    };
    this.#time.after(0, look);
    return { kind: OVERTAKEN };
  }

  /** Another machine finds the locks free (a lease of a shared file system ran out) and takes the run. */
  #overtake(process: SimProcess, fate: Chance): void {
    this.#disk.release(process);
    this.#overtaken.push(process);
    this.#machine.reboot();
    if (!fate.happens(0.7)) return;
    process.stop();
    this.#time.after(fate.between(10, 20_000) * 1000, () => process.go());
  }

  /** The dead leave what they left; the machine may start again; somebody comes back. */
  async #between(): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    const fate = this.#chance.fork(`between/${this.#lives}`);
    if (this.#overtaken.includes(process)) return this.#monitor.obligations.excuse();
    if (process.alive) process.die(fate.happens(0.2) ? "power cut" : "killed", "gave up");
    this.#fault(process.death === "power cut" ? "a power cut" : "a crash");
    if (process.diedAt !== "gave up") this.#fault(`died at: ${placeOf(process.diedAt)}`);
    this.#disk.release(process);
    if (process.death === "power cut") {
      // The folder they share is this machine's: a disk that comes back without what was written has let go of everybody.
      for (const other of this.#overtaken) if (other.alive) other.die("killed", "its folder went away");
      this.#disk.powerCut();
      this.#machine.reboot();
      if (this.#machine.wallWasSet) this.#monitor.obligations.forget();
    }
    const back = { yet: false };
    this.#time.after(fate.between(1, fate.happens(0.2) ? 60_000 : 2000) * 1000, () => {
      back.yet = true;
    });
    while (!back.yet) await this.#turn(() => !back.yet);
    this.#monitor.obligations.excuse();
    // Whoever halted the runs has seen it stop.
    if (fate.happens(0.5)) this.#disk.remove(`${STATE_ROOT}/halt.json`);
  }

  /** Whether a life failed because there is nothing to go on with. */
  #isOver(error: unknown): boolean {
    const code =
      error instanceof FiredrillError
        ? error.code
        : error instanceof Error && "code" in error
          ? String(error.code)
          : "";
    this.#fault(`an orchestrator gives up: ${code === "" ? String(error) : code}`);
    switch (code) {
      case "RUN_INCOMPLETE":
        must(this.#monitor.records.length === 0, "a run with durable records is said to be incomplete");
        must(this.#world.things.size === 0 && this.#world.acts.length === 0, "a run that never began did something");
        return true;
      case "RUN_FINISHED":
        // Written by a process that was killed before it could sync: nothing acts on it any more.
        this.#disk.writeBack();
        must(this.#monitor.mirror.finished !== null, "a run is said to be finished, and is not on record as that");
        this.#verdict();
        return true;
      case "JOURNAL_FAILED":
      case "ENOSPC":
      case "EIO":
        return false;
      case "HALTED":
        must(this.#monitor.records.length === 0, "a run that began is refused for a halt");
        return true;
      default:
        throw error instanceof Error ? error : new Error(String(error));
    }
  }

  #ended({ result }: RunOutcome): void {
    const { finished } = this.#monitor.mirror;
    must(finished !== null, "the run ended, and no durable record says so");
    must(
      finished.result === result.result && finished.exitCode === result.exitCode,
      `on record is ${finished.result}, given is ${result.result}`,
    );
    this.#verdict();
    const kept = this.#disk.read(`${runDir(STATE_ROOT, result.run.id)}/result.json`);
    must(
      kept !== null && JSON.stringify(JSON.parse(kept.toString("utf8"))) === JSON.stringify(result),
      "result.json is not the result",
    );
  }

  /** What must hold of every run that has ended. */
  #verdict(): void {
    const { mirror, records } = this.#monitor;
    const mine = oracle(this.#simPlan.plan, records);
    const theirs = mirror.finished;
    must(
      theirs !== null && theirs.result === mine.result,
      `the verdict is ${theirs?.result ?? "none"}, the oracle says ${mine.result} (${mine.rules.join(", ")})`,
    );
    const left = [...mirror.ledger.values()].filter(({ state }) => state !== "destroyed");
    must(left.length === 0 || theirs.result === "error", "something is left behind, and the result is no error");
    const known = new Set(left.map(({ resource }) => resource.locator["name"]));
    const lost = [...this.#world.things.keys()].find((name) => !known.has(name));
    must(lost === undefined, `${lost ?? ""} is left in the world, and nobody says so`);
  }

  #fault(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    this.#trace(`fault: ${kind}`);
  }
}
