import { expect, test } from "vitest";
import type { JournalRecord, RunEvent } from "../../../src/drills/run-event.ts";
import { NO_PREVIOUS, seal, unsealed } from "../../../src/engine/journal/journal-record.ts";
import type { JournalFile } from "../../../src/engine/journal/journal-file.ts";
import { openSession } from "../../../src/engine/open-session.ts";
import { haltedWork, pendingWork } from "../../../src/engine/pending-work.ts";
import { RunLoop } from "../../../src/engine/run-loop.ts";
import type { RunSession } from "../../../src/engine/run-session.ts";
import { holdRun } from "../../../src/engine/state/run-hold.ts";
import { lockRun } from "../../../src/engine/state/run-owner.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { engineBench, fakeStep, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { FakeTime } from "../../support/engine-fake-time.ts";
import { gatedJournal } from "../../support/engine-gated-journal.ts";
import { memoryJournal } from "../../support/engine-memory-journal.ts";
import { planOf } from "../../support/engine-plan.ts";

const PLAN = planOf([{ id: "slow", retry: { attempts: 3, delayMs: 1000, on: ["transient"] } }]);
const RUN = "20261121-031500-k3f9";
const MINUTE_US = 60_000_000;

interface Written {
  readonly event: RunEvent;
  readonly boot: string;
  /** Seconds since the first record, by the wall; and by the boot's own clock. */
  readonly wallS: number;
  readonly monoS: number;
}

const STARTED: Written = {
  boot: "boot-1",
  wallS: 0,
  monoS: 1000,
  event: {
    type: "run.started",
    data: {
      runId: RUN,
      installation: "fd-test",
      planSha256: "0".repeat(64),
      mode: "real",
      tool: "firedrill/test",
      host: "test-host",
      user: "tester",
      pid: 1,
      trigger: requestFor(PLAN).trigger,
      seed: "seed-1",
      confirmed: null,
    },
  },
};
/** A minute for the step from here on, two for the phase. */
const AT_WORK: readonly Written[] = [
  STARTED,
  {
    boot: "boot-1",
    wallS: 0,
    monoS: 1000,
    event: { type: "phase.begun", data: { phase: "recover", deadlineMonoUs: 1120_000_000 } },
  },
  {
    boot: "boot-1",
    wallS: 0,
    monoS: 1000,
    event: { type: "step.started", data: { step: "slow", attempt: 1, key: "k", deadlineMonoUs: 1060_000_000 } },
  },
];

function resumed(boot: string, wallS: number, monoS: number): Written {
  return { boot, wallS, monoS, event: { type: "run.resumed", data: { epoch: 2, pid: 2, clockSuspect: true } } };
}

/** Non-idempotent, and the world does not answer. */
const MUTE = fakeStep("test/mute", (ctx) => untilStopped(ctx), {
  idempotent: false,
  reconcile: () => new Promise(() => {}),
});

/** Non-idempotent; whether it happened is said when the test says so. */
function askedStep() {
  const answer = Promise.withResolvers<void>();
  const runs: number[] = [];
  const step = fakeStep(
    "test/asked",
    (ctx) => {
      runs.push(ctx.attempt);
      return { kind: "done", outputs: {} };
    },
    {
      idempotent: false,
      reconcile: async () => {
        await answer.promise;
        return { kind: "did_not_happen" };
      },
    },
  );
  return { step, runs, answer: () => answer.resolve() };
}

/** What a process of `boot-2`, 20 s after its begin and 30 s after the first record, finds on record. */
interface Machine {
  readonly steps: readonly Step[];
  readonly journal: JournalFile;
}

async function found(
  written: readonly Written[],
  look: (session: RunSession, time: FakeTime) => void | Promise<void>,
  plan = PLAN,
  { steps = [MUTE], journal: file = memoryJournal() }: Partial<Machine> = {},
): Promise<void> {
  const time = new FakeTime(20_000_000, "boot-2");
  const firstWallUs = time.wallUs() - 30_000_000;
  const journal: JournalRecord[] = [];
  for (const { event, boot, wallS, monoS } of written) {
    const at = { wall: firstWallUs + wallS * 1_000_000, mono_us: monoS * 1_000_000, boot };
    const prev = journal.at(-1)?.hash ?? NO_PREVIOUS;
    journal.push(seal(unsealed(event, { seq: journal.length + 1, run: RUN, epoch: 1, prev, ...at })).record);
  }
  await using bench = await engineBench({
    time,
    steps,
    deps: { openJournal: () => Promise.resolve(file) },
  });
  const dir = bench.deps.state.root;
  using hold = holdRun(await lockRun(dir), RUN);
  const request = { runId: RUN, dir, plan, epoch: 2, hold, lease: null, journal };
  const open = await openSession(request, bench.deps);
  await look(open.session, time);
  await open.close();
}

test("a deadline of before a restart of the machine stays what it was, however often the run is taken over after it", async () => {
  const dues: number[] = [];
  const keep = (session: RunSession): void => {
    const { attempts, deadlines } = pendingWork(session);
    dues.push(attempts[0]?.started.deadlineMonoUs ?? 0, deadlines[0]?.dueMonoUs ?? 0);
  };
  await found(AT_WORK, keep);
  await found([...AT_WORK, resumed("boot-2", 15, 5)], keep);
  await found([...AT_WORK, resumed("boot-2", 15, 5), resumed("boot-2", 25, 15)], keep);
  // 30 of its 60 s have passed, 20 of them in this boot.
  const [step, phase] = [50_000_000, 50_000_000 + MINUTE_US];
  expect(dues).toEqual([step, phase, step, phase, step, phase]);
});

test("a retry of before a restart of the machine keeps its time as well", async () => {
  const retry: readonly Written[] = [
    {
      boot: "boot-1",
      wallS: 1,
      monoS: 1001,
      event: {
        type: "step.errored",
        data: {
          step: "slow",
          attempt: 1,
          error: { class: "transient", code: "X", message: "x", hint: null, details: {} },
        },
      },
    },
    {
      boot: "boot-1",
      wallS: 1,
      monoS: 1001,
      event: { type: "step.retry_scheduled", data: { step: "slow", attempt: 2, dueMonoUs: 1041_000_000 } },
    },
  ];
  await found([...AT_WORK, ...retry, resumed("boot-2", 15, 5)], (session) => {
    const due = pendingWork(session).deadlines.find(({ event }) => event.type === "step.retry_due");
    expect(due?.dueMonoUs).toBe(20_000_000 + 11_000_000);
  });
});

test("a run that is halted in the place of its dead process does not wait for a step that this process was to stop", async () => {
  const late: Written = {
    boot: "boot-2",
    wallS: 29,
    monoS: 19,
    event: { type: "step.deadline_passed", data: { step: "slow", attempt: 1 } },
  };
  await found([...AT_WORK, resumed("boot-2", 15, 5), late], (session) => {
    const { actions } = haltedWork({ by: "recovery", reason: "died", who: null }, session);
    expect(actions).toEqual([{ type: "stopStep", step: "slow", attempt: 1 }]);
  });
});

test("what nobody can find out about a lost effect within the grace period is in doubt, also when its deadline had passed before", async () => {
  const plan = planOf([{ id: "slow", uses: "test/mute", idempotent: false }]);
  const late: Written = {
    boot: "boot-2",
    wallS: 29,
    monoS: 19,
    event: { type: "step.deadline_passed", data: { step: "slow", attempt: 1 } },
  };
  await found(
    [...AT_WORK, resumed("boot-2", 15, 5), late],
    async (session, time) => {
      const run = new RunLoop(session).run(pendingWork(session));
      await time.pass(9_000);
      expect(session.state.steps.get("slow")?.state).toBe("stopping");
      await time.pass(2_000);
      expect(session.state.steps.get("slow")?.state).toBe("in_doubt");
      await run;
    },
    plan,
  );
});

test("what did not happen is not done again when a halt is on its way to the disk", async () => {
  const plan = planOf([{ id: "slow", uses: "test/asked", idempotent: false }]);
  const { step, runs, answer } = askedStep();
  const journal = gatedJournal();
  await found(
    [...AT_WORK, resumed("boot-2", 15, 5)],
    async (session, time) => {
      const loop = new RunLoop(session);
      const run = loop.run(pendingWork(session));
      await time.pass(1);
      journal.hold();
      loop.post({ type: "run.halted", data: { by: "halt", reason: "enough", who: "ada" } });
      await time.pass(1);
      answer();
      await time.pass(1);
      expect(runs).toEqual([]);
      journal.release();
      await time.pass(1);
      await run;
      expect(runs).toEqual([]);
    },
    plan,
    { steps: [step], journal },
  );
});
