/**
 * One guard, one sync or one rule of the engine taken away: the simulation must notice. `text` must stand in the file exactly
 * once; a change of the engine that moves it is an error of this list, to be mended with it.
 */
export interface Mutation {
  /** The invariant, or the rule, that is taken away. */
  readonly rule: string;
  /** In src/engine. */
  readonly file: string;
  readonly text: string;
  readonly becomes: string;
  /** Why nothing can notice it; such a one is run all the same, and it is an error when it is caught. */
  readonly redundant?: string;
}

const loop = (rule: string, text: string, becomes: string): Mutation => ({ rule, file: "run-loop.ts", text, becomes });
const attempts = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "attempts.ts",
  text,
  becomes,
});
const attempt = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "run-attempt.ts",
  text,
  becomes,
});
const context = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "step-context.ts",
  text,
  becomes,
});
const cleanUp = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "clean-up.ts",
  text,
  becomes,
});
const memory = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "run-memory.ts",
  text,
  becomes,
});
const pending = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "pending-work.ts",
  text,
  becomes,
});
const fence = (rule: string, text: string, becomes: string): Mutation => ({ rule, file: "fence.ts", text, becomes });
const writer = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "journal/journal-writer.ts",
  text,
  becomes,
});
const current = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "is-current.ts",
  text,
  becomes,
});
const watch = (rule: string, text: string, becomes: string): Mutation => ({
  rule,
  file: "stop-watch.ts",
  text,
  becomes,
});
const decide = (rule: string, text: string, becomes: string): Mutation => ({ rule, file: "decide.ts", text, becomes });

export const MUTATIONS: readonly Mutation[] = [
  loop(
    "L1 a record is folded once, by being recorded",
    "const { actions } = this.#session.log.record(event); // L1",
    "const actions = this.#session.log.record(event).actions.slice(1); // L1",
  ),
  loop("L2 nothing is done before its reason is durable", "await this.#session.log.flush(); // L2", ""),
  loop(
    "L4 an effect begins only if its step still runs",
    'if (order.mode !== "find_out" && now !== "running") return; // L4',
    "",
  ),
  loop(
    "L5 what is no longer current is dropped",
    "if (isCurrent(event, this.#session.state, this.#session.memory))\n",
    "if (isCurrent.length > 0)\n",
  ),
  loop("L6 a failed journal ends the run", "void session.log.failed.then((error) => this.#fail(error)); // L6", ""),
  loop("L6 all is told to stop", "await this.#attempts.stopAll(); // L6", ""),
  loop("a phase's deadline is armed", "return () => this.#deadlines.arm(phaseDeadline(event.data));", "return null;"),
  loop("a retry is armed", "return () => this.#deadlines.arm(retryDeadline(event.data));", "return null;"),
  loop(
    "a step's deadline is armed",
    'if (now === "running") this.#deadlines.arm(stepDeadline(order.step, order.started));',
    "",
  ),
  loop(
    "deadlines of a former process are armed",
    "for (const deadline of start.deadlines) this.#deadlines.arm(deadline);",
    "",
  ),
  loop(
    "the time for stopping has an end",
    "dueMonoUs: this.#in(this.#session.limits.stoppingMs),",
    "dueMonoUs: this.#in(3_600_000),",
  ),
  loop("cleanup begins", "return () => this.#cleanUp(event.data.deadlineMonoUs);", "return null;"),
  loop(
    "cleanup is finished by who takes the run over",
    "this.#cleanUp(this.#in(this.#session.limits.cleanupMs));\n",
    "",
  ),
  loop("what is still at work has lost its say in cleanup", "this.#attempts.abandonAll();", ""),
  loop(
    "a refusal halts the run",
    'return event.type === "step.guard_refused" ? [...actions, ...this.#haltByGuard(event.data.message)] : actions;',
    "return actions;",
  ),
  loop(
    "a guard that cannot answer has not agreed",
    'this.post({\n        type: "step.guard_refused",\n        data: { step: id, attempt, message: stepFailure(error, deps.redactor).message },\n      });',
    'this.post({ type: "step.guard_passed", data: { step: id, attempt } });',
  ),
  loop("a failure of cleanup itself ends the run", "(error: unknown) => this.#fail(error),", "() => undefined,"),
  loop(
    "stop conditions are watched from the first disruption",
    'if (this.#session.planSteps.get(order.step)?.effect === "disruptive") this.#watch.begin();',
    "",
  ),
  loop(
    "stop conditions are watched again after a take-over",
    "if (this.#hasDisrupted(start)) this.#watch.begin();",
    "",
  ),
  loop("what comes from a stop is told to the step", "this.#attempts.stop(order.step, order.attempt);", ""),

  {
    ...attempts(
      "A1 an attempt has one outcome",
      "if (this.#active.get(step) !== active) {",
      'if (this.#session.runId === "") {',
    ),
    redundant: "L5 drops the second one: the step has ended by then",
  },
  attempts("A2 the context is closed before the outcome", "active.close(); // A2\n", ""),
  attempts(
    "A3 what is not at work has stopped",
    'return this.#post({ type: "step.stopped", data: { step, attempt } }); // A3',
    "return;",
  ),
  attempts("A4 a step that halts the run is told to stop", "controller.abort(abortError()); // A4", ""),
  attempts("A5 to find out has an end", 'if (order.mode === "find_out") this.#boundSearch(order, active);', ""),
  attempts(
    "a stop is told to the effect",
    "active.controller.abort(abortError());\n  }\n\n  /** A5.",
    "  }\n\n  /** A5.",
  ),
  attempts(
    "the grace period has an end",
    "const overdueMonoUs = clock.monoUs() + this.#session.limits.stopGraceMs * 1000;",
    "const overdueMonoUs = clock.monoUs() + 3_600_000_000;",
  ),
  attempts(
    "a former process's effect is reconciled",
    'const event = order.mode === "run" ? await runAttempt(attempt) : await this.#reconcileThenRun(attempt, order.mode);',
    "const event = await runAttempt(attempt);",
  ),
  attempts("a reconciled effect is not done again", 'if (reconciled.kind === "outcome") return reconciled.event;', ""),
  attempts(
    "while the run stops nothing is done again",
    'if (isRunning && !context.signal.aborted && mode === "reconcile") return runAttempt(attempt);',
    "if (isRunning !== undefined) return runAttempt(attempt);",
  ),
  attempts(
    "A6 what did not happen is done again only while its step runs",
    'if (isRunning && !context.signal.aborted && mode === "reconcile") return runAttempt(attempt);',
    'if (!context.signal.aborted && mode === "reconcile") return runAttempt(attempt);',
  ),

  attempt(
    "what stops after it was told to has stopped",
    'if (context.signal.aborted && !finding) return { type: "step.stopped", data: at };',
    "",
  ),
  attempt(
    "a finding stays a finding",
    'const finding = error instanceof StepError && error.class === "subject";',
    "const finding = false;",
  ),
  attempt(
    "a world that cannot tell means doubt",
    "return doubt(attempt.redactor.text(answer.message));",
    'return { kind: "run_again" };',
  ),
  attempt(
    "a reconcile that breaks means doubt",
    "return doubt(`${definition.uses} could not find out: ${stepFailure(error, attempt.redactor).message}`);",
    'return { kind: "run_again" };',
  ),
  attempt(
    "a step without a reconcile is in doubt",
    'return { kind: "unknown", message: `${definition.uses} is not idempotent and has no way to ask what it did.` };',
    'return { kind: "did_not_happen" };',
  ),
  attempt("outputs hold what a journal takes", "if (place !== null)\n", "if (place === undefined)\n"),
  attempt(
    "outputs hold no secret",
    'if (definition.role === "check" || redactor.json(outputs) === outputs) return;',
    "if (redactor.json(outputs) !== null) return;",
  ),

  context(
    "C1 a promise resolves when its record is durable",
    "const { kind } = await parts.log.record(event).durable;",
    'parts.log.record(event);\n    const kind = "acknowledged" as string;',
  ),
  context("C2 nothing is planned after a stop", "signal.throwIfAborted(); // C2", ""),
  context(
    "C2 nothing is made after a stop",
    'await record({ type: "resource.planned", data: { resource } });\n      signal.throwIfAborted();',
    'await record({ type: "resource.planned", data: { resource } });',
  ),
  context("C3 a closed context records nothing", "if (!open) throw closed(parts.step.id); // C3", ""),
  context(
    "C4 a secret is known before the step sees it",
    "const known = deps.redactor.add(secret); // C4",
    'const known: string = "known"; // C4',
  ),

  cleanUp(
    "K2 the world is asked whether it is gone",
    "const { gone, how } = await keeper.verifyGone(locator, signal); // K2",
    'const { gone, how } = { gone: true, how: "surely" }; // K2',
  ),
  cleanUp("what was made is destroyed", "await keeper.destroy(locator, signal);\n", ""),
  cleanUp(
    "K3 every resource is accounted for",
    "await work.record(toRecord(resource, removed)); // K3",
    'if (removed.kind === "gone") await work.record(toRecord(resource, removed)); // K3',
  ),
  cleanUp(
    "K4 one that cannot be removed keeps no other",
    'return { kind: "leftover", reason: stepFailure(error, deps.redactor).message };',
    "throw error;",
  ),
  cleanUp(
    "one resource has a deadline",
    "own.abort(new Error(`it was not gone within ${resourceMs} ms`)),",
    "void own,",
  ),
  cleanUp(
    "a keeper that does not heed its signal is given up",
    "return await orAborted(destroyAndVerify(keeper, locator, signal, deps.crashPoint, about), signal);",
    "return await destroyAndVerify(keeper, locator, signal, deps.crashPoint, about);",
  ),
  cleanUp("cleanup has a deadline", 'overall.abort(new Error("the time for cleanup is over"))', "void overall"),
  cleanUp(
    "after the deadline nothing is begun",
    'if (overall.aborted) return { kind: "leftover", reason: "the time for cleanup was over before its turn" };',
    "",
  ),
  cleanUp("what is left is counted", 'if (removed.kind === "leftover") leftovers += 1;', ""),

  memory(
    "K1 last planned, first removed",
    "return open.map((entry) => entry.resource).toReversed();",
    "return open.map((entry) => entry.resource);",
  ),
  memory(
    "M2 what was planned may exist",
    'const open = [...memory.ledger.values()].filter((entry) => entry.state !== "destroyed"); // M2',
    'const open = [...memory.ledger.values()].filter((entry) => entry.state === "created"); // M2',
  ),
  memory("M1 outputs", "memory.outputs[record.data.step] = { outputs: record.data.outputs };", ""),
  memory("M1 marks", "memory.marks.push(record.data);", ""),
  memory("M1 a halt is remembered", "memory.halted = true;", ""),
  memory("M1 the begin of cleanup is remembered", "memory.cleanupBegun = true;", ""),
  memory("M1 what is gone is gone", 'return change(ledger, record.data.id, "destroyed");', "return;"),
  memory(
    "deadlines belong to their boot",
    "memory.boots.set(record.boot, { wallUs: record.wallUs, monoUs: record.monoUs });",
    "",
  ),

  pending(
    "what is not idempotent is asked for",
    'const mode = step.idempotent ? "run" : state === "stopping" ? "find_out" : "reconcile";',
    'const mode = "run" as string as "run" | "find_out" | "reconcile";',
  ),
  pending(
    "what was being stopped is not begun again",
    'const mode = step.idempotent ? "run" : state === "stopping" ? "find_out" : "reconcile";',
    'const mode = step.idempotent ? "run" : "reconcile";',
  ),
  pending(
    "an idempotent step that was being stopped has stopped",
    'if (state === "stopping" && step.idempotent) return { kind: "nothing" };',
    "",
  ),
  pending("a lost attempt begins again", 'if (recovered.kind === "attempt") attempts.push(recovered.order);', ""),
  pending(
    "deadlines of another boot are rebased",
    "return last === undefined ? deadlineMonoUs : rebased(deadlineMonoUs, { boot, ...last }, deps.clock);",
    "return last === undefined ? 0 : deadlineMonoUs;",
  ),
  pending(
    "the phase's deadline goes on",
    "const phases = phase !== null && phase.phase === state.phase ? [ours(phaseDeadline(phase), phase.boot)] : [];",
    "const phases: Deadline[] = phase === null ? [] : [];",
  ),
  pending(
    "retries go on",
    "return [...phases, ...retries.map((retry) => ours(retryDeadline(retry), retry.boot))];",
    "return [...phases, ...retries.slice(retries.length).map((retry) => ours(retryDeadline(retry), retry.boot))];",
  ),
  pending(
    "a halted take-over stops what was to be stopped",
    'actions: ending(session) ? asked : asked.filter((action) => action.type === "stopStep"),',
    "actions: ending(session) ? asked : [],",
  ),
  pending(
    "a run on its way out goes on with that",
    'actions: ending(session) ? asked : asked.filter((action) => action.type === "stopStep"),',
    "actions: [],",
  ),

  writer("J1 each record continues the one before", "this.#prev = sealed.record.hash; // J1", ""),
  writer("J2 durable means synced", "await this.#file.sync(); // J2\n", ""),
  writer(
    "J4 nothing is taken after a failure",
    "if (this.#failure !== null) throw this.#failure; // J4\n    const sealed",
    "const sealed",
  ),
  writer(
    "J4 nothing is written after a failure",
    "if (this.#failure === null) await this.#commit(",
    "await this.#commit(",
  ),
  writer(
    "J4 a failed sync acknowledges nothing",
    "if (this.#failure === null) batch.done.resolve();\n      else batch.done.reject(this.#failure);",
    "batch.done.resolve();",
  ),
  writer("J4 a failure is told", "this.#failed.resolve(this.#failure);", ""),
  writer(
    "J5 what cannot be sealed takes no number",
    "const sealed = seal(unsealed(event, this.#position())); // J5\n    this.#seq += 1;",
    "this.#seq += 1;\n    const sealed = seal(unsealed(event, { ...this.#position(), seq: this.#seq })); // J5",
  ),

  current(
    "an outcome of a step that has ended",
    'case "step.stop_overdue":\n    case "step.in_doubt":\n      return stepIs(state, event.data, ["running", "stopping"]);',
    'case "step.stop_overdue":\n    case "step.in_doubt":\n      return true;',
  ),
  current("a deadline of a step that has ended", 'return stepIs(state, event.data, ["running"]);', "return true;"),
  current("a retry that is not due", 'return stepIs(state, event.data, ["backoff"]);', "return true;"),
  current("an answer of guards that comes too late", 'return stepIs(state, event.data, ["guarded"]);', "return true;"),
  current("a deadline of a phase that is over", "return state.phase === event.data.phase;", "return true;"),
  current(
    "a run is halted once",
    'return !memory.halted && state.phase !== "finished";',
    'return state.phase !== "finished";',
  ),
  current("another attempt", "step.attempt === at.attempt && ", ""),

  watch(
    "W1 a look has a deadline",
    "const reading = await this.#lookAt(watched.condition); // W1",
    "const reading = await this.#session.deps.stopProbe.evaluate(watched.condition, this.#session.plan.system, this.#over.signal); // W1",
  ),
  watch(
    "W2 a breach halts the run",
    'this.#post({ type: "run.halted", data: { by: "guard", reason: breachOf(condition, reading), who: null } }); // W2',
    "",
  ),
  watch("breaches in a row are counted", "if (watched.breaches < condition.breaches) return;", ""),
  watch("an answer ends the row", 'if (reading.kind === "holds") watched.breaches = 0;', ""),
  watch(
    "no answer is a breach where the condition says so",
    '|| (reading.kind === "unknown" && condition.whenUnknown === "stop")',
    "",
  ),

  decide(
    "a condition is worked out",
    'case "pass":\n      return record({',
    'case "pass":\n      return null;\n    case "pass" as never:\n      return record({',
  ),
  decide(
    "a step has its time",
    "const deadlineMonoUs = session.deps.clock.monoUs() + step.timeoutMs * 1000;",
    "const deadlineMonoUs = session.deps.clock.monoUs() + step.timeoutMs * 2000;",
  ),
  decide(
    "a cleanup that was begun is not begun again",
    'if (session.memory.cleanupBegun) return { kind: "do", order: action };',
    "",
  ),
  decide(
    "guards are asked of a step whose turn it is",
    'return stepIs(session, action, "guarded") ? decideGuard(action, session) : NOTHING;',
    "return decideGuard(action, session);",
  ),
  decide(
    "a step is started whose turn it is",
    'return stepIs(session, action, "ready") ? decideStart(action, session) : NOTHING;',
    "return decideStart(action, session);",
  ),
  decide(
    "a retry is scheduled for a step that waits",
    'return stepIs(session, action, "backoff") ? record(retryScheduled(action, session)) : NOTHING;',
    "return record(retryScheduled(action, session));",
  ),

  {
    rule: "a torn record is cut off",
    file: "journal/journal-reader.ts",
    text: "if (content.torn !== null) await files.truncate(path, content.goodBytes);",
    becomes: "await Promise.resolve([path, content, files]);",
  },
  {
    rule: "a torn record is told of",
    file: "resume-run.ts",
    text: "if (journal.torn !== null) reportTorn(journal.torn, session);",
    becomes: "if (journal.torn === undefined) reportTorn(journal.torn, session);",
  },
  {
    rule: "a take-over raises the epoch",
    file: "resume-run.ts",
    text: "const epoch = Math.max(...journal.records.map((record) => record.epoch)) + 1;",
    becomes: "const epoch = Math.max(...journal.records.map((record) => record.epoch));",
  },
  {
    rule: "a run that is finished is not gone on with",
    file: "resume-run.ts",
    text: 'if (journal.records.some((record) => record.type === "run.finished")) {',
    becomes: "if (journal.records.length === 0) {",
  },
  {
    rule: "another boot is told of",
    file: "resume-run.ts",
    text: "const clockSuspect = memory.last !== null && memory.last.boot !== deps.clock.bootId;",
    becomes: "const clockSuspect = memory.last === null;",
  },
  {
    rule: "a halt of all runs refuses new ones",
    file: "execute-run.ts",
    text: "await assertNotHalted(deps.state.root, deps.files);",
    becomes: "await Promise.resolve(assertNotHalted);",
  },
  {
    rule: "the verdict is on record before it is given",
    file: "drive-run.ts",
    text: 'await log.record({ type: "run.finished", data: { result: result.result, exitCode: result.exitCode } }).durable;',
    becomes: 'log.record({ type: "run.finished", data: { result: result.result, exitCode: result.exitCode } });',
  },
  {
    rule: "halts are looked for again and again",
    file: "halt-watch.ts",
    text: "disarm = deps.timers.at(deps.clock.monoUs() + limitsOf(deps).haltPollMs * 1000, poll);",
    becomes: "disarm = limitsOf(deps).haltPollMs > 0 ? null : disarm;",
  },
  {
    rule: "a halt that cannot be read is a halt",
    file: "halt-watch.ts",
    text: 'return { who: "unknown", reason: "a halt request that cannot be read", wallUs: clock.wallUs() };',
    becomes: "return clock.wallUs() > 0 ? null : null;",
  },
  {
    rule: "R1 every record is redacted",
    file: "run-log.ts",
    text: "data: deps.redactor.json(data) }",
    becomes: "data: deps === null ? null : data }",
  },
  {
    rule: "production takes three consents",
    file: "guards/all-guards.ts",
    text: "[productionConsents, stopConditionsHold, leaseHeld]",
    becomes: "[stopConditionsHold, leaseHeld]",
  },
  {
    rule: "healthy first",
    file: "guards/all-guards.ts",
    text: "[productionConsents, stopConditionsHold, leaseHeld]",
    becomes: "[productionConsents, leaseHeld]",
  },
  {
    rule: "a look that takes too long ends",
    file: "look-at-condition.ts",
    text: "giveUp(`no answer within ${condition.timeoutMs} ms`),",
    becomes: "void giveUp,",
  },
  { rule: "locks are let go of", file: "drive-run.ts", text: "using _lease = session.lease;", becomes: "" },

  writer(
    "J6 what stands on the reserve is no leave to act",
    "return this.#full && !known ? CLOSING : ACKNOWLEDGED; // J6",
    "return known || !known ? ACKNOWLEDGED : CLOSING; // J6",
  ),
  writer(
    "J6 what found no room is cut off and written again",
    "if ((await this.#file.freeReserve?.()) !== true) throw error;",
    "",
  ),
  loop(
    "L7 a full disk halts the run",
    "if (isCurrent(halt, state, memory)) this.#answer(this.#record(halt, effects), effects);\n    return true;",
    "return true;",
  ),
  loop(
    "L7 a full disk is heeded before effects begin",
    "if (this.#heedFullDisk(effects)) await this.#session.log.flush();",
    "",
  ),
  loop("L7 a full disk wakes the run", "void session.log.filled.then(() => this.#wake.resolve()); // L7", ""),
  context(
    "C5 on a full disk a step may act no more",
    "requireRoom(parts);\n      await parts.requireCurrent();",
    "await parts.requireCurrent();",
  ),
  context("C5 what is closing is no promise", 'if (kind === "closing") requireRoom(parts);', ""),

  fence(
    "N1 a record is acknowledged while the run is ours",
    "await file.sync();\n      hold.requireHeld(); // N1",
    "await file.sync(); // N1",
  ),
  {
    ...fence(
      "N2 an owner that has lost its run writes nothing",
      "hold.requireHeld();\n      await file.write(text); // N2",
      "await file.write(text); // N2",
    ),
    redundant: "the journal was replaced: what is written has no name any more (N2), and N1 acknowledges none of it",
  },
  fence(
    "N3 an effect begins while the run is ours",
    "hold.requireHeld();\n    return step.run(input, ctx);",
    "return step.run(input, ctx);",
  ),
  fence(
    "N3 a removal begins while the run is ours",
    "hold.requireHeld();\n      await keeper.destroy(locator, signal);",
    "await keeper.destroy(locator, signal);",
  ),
  {
    rule: "N2 the journal is replaced where its owner may live",
    file: "own-journal.ts",
    text: "if (isDead(former, bootId)) return repairTail(path, journal, files);",
    becomes: "if (!isDead(null, bootId)) return repairTail(path, journal, files);",
  },
  {
    rule: "H1 who finds another lock has lost the run",
    file: "state/run-hold.ts",
    text: "if (error === null && files.identity(lock.path) !== ours) {",
    becomes: "if (error === null && lock.path === ours) {",
  },
  {
    rule: "a take-over replaces the lock",
    file: "resume-run.ts",
    text: "holdRun(await files.replaceLock(ownerLockPath(dir)), runId, files)",
    becomes: "holdRun(request.lock ?? (await files.replaceLock(ownerLockPath(dir))), runId, files)",
  },
  {
    rule: "a run that is held is not taken",
    file: "resume-run.ts",
    text: "if (lock === null && seizure === null) throw await runLocked(dir, deps.files);",
    becomes: 'if (lock === null && dir === "") throw await runLocked(dir, deps.files);',
  },
  {
    ...context("C1 a promise holds only while the run is ours", "parts.requireHeld(); // C1", ""),
    redundant: "N1 asks right before: the lock cannot be replaced between the two",
  },
];
