import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { StepError } from "../../../src/drills/step-error.ts";
import { rebased } from "../../../src/engine/deadlines.ts";
import { retryDelayMs } from "../../../src/engine/retry-delay.ts";
import { secretResolver } from "../../../src/engine/secret-resolver.ts";
import { seededRandom } from "../../../src/engine/seeded-random.ts";
import { notJournalable, stepFailure } from "../../../src/engine/step-failure.ts";
import { FiredrillError } from "../../../src/support/errors.ts";
import { isRunId, newRunId } from "../../../src/support/ids.ts";
import { createRedactor } from "../../../src/support/redact.ts";
import { FakeTime } from "../../support/engine-fake-time.ts";

describe("chance", () => {
  test("is the same for the same seed, step and attempt, and another for any other", () => {
    const draw = (...words: readonly (string | number)[]): readonly number[] => {
      const random = seededRandom(...words);
      return [random(), random(), random()];
    };
    expect(draw("seed", "a", 1)).toEqual(draw("seed", "a", 1));
    const draws = [draw("seed", "a", 1), draw("seed", "a", 2), draw("seed", "b", 1), draw("other", "a", 1)];
    expect(new Set(draws.map(String)).size).toBe(4);
    for (const value of draws.flat()) expect(value).toSatisfy((number: number) => number >= 0 && number < 1);
  });

  test("spreads a retry over all of an interval that doubles with each attempt, up to five minutes", () => {
    const policy = { attempts: 9, delayMs: 1000, on: ["transient"] } as const;
    const delays = (attempt: number): readonly number[] =>
      Array.from({ length: 200 }, (_, seed) => retryDelayMs(policy, `${seed}`, "a", attempt));
    for (const [attempt, ceiling] of [
      [2, 1000],
      [3, 2000],
      [5, 8000],
      [30, 300_000],
    ] as const) {
      const seen = delays(attempt);
      expect(Math.max(...seen)).toBeLessThanOrEqual(ceiling);
      expect(Math.max(...seen)).toBeGreaterThan(ceiling * 0.9);
      expect(Math.min(...seen)).toBeLessThan(ceiling * 0.1);
    }
  });
});

describe("a deadline of a former process", () => {
  const last = { boot: "boot-1", monoUs: 1_000, wallUs: 50_000 };

  test("stays what it was within one boot, whatever the wall clock did", () => {
    const time = new FakeTime(2_000, "boot-1");
    time.jumpWall(-9_000_000_000);
    expect(rebased(5_000, last, time)).toBe(5_000);
  });

  test("after another boot is what was left, less the wall time that has passed", () => {
    const time = new FakeTime(100, "boot-2");
    time.jumpWall(last.wallUs + 1_500 - time.wallUs());
    expect(rebased(5_000, last, time)).toBe(100 + 4_000 - 1_500);
  });
});

describe("ids of runs", () => {
  test("are the UTC time and four characters, and sort by time", () => {
    const id = newRunId(Date.UTC(2026, 10, 21, 3, 15, 0) * 1000, () => Uint8Array.of(1, 2, 3, 4));
    expect(id).toBe("20261121-031500-3456");
    expect(isRunId(id)).toBe(true);
  });

  test.each(["../../etc", "20261121-031500-k3f9/..", "", "latest", "20261121-031500-K3F9"])(
    "%j names no folder",
    (text) => {
      expect(isRunId(text)).toBe(false);
    },
  );
});

describe("secret references", () => {
  const signal = AbortSignal.timeout(10_000);

  test("are resolved from the environment and from files", async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-secret-"));
    try {
      await writeFile(join(dir, "password"), "from-file\n", { mode: 0o600 });
      const secrets = secretResolver({ PW: "from-env" });
      expect(await secrets.resolve("env:PW", signal)).toBe("from-env");
      expect(await secrets.resolve(`file:${join(dir, "password")}`, signal)).toBe("from-file");
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test.each(["env:NOT_SET", "env:toString", "file:relative", "file:/nowhere/at/all", "aws-kms:x"])(
    "%s is refused",
    async (ref) => {
      await expect(secretResolver({}).resolve(ref, signal)).rejects.toMatchObject({
        code: "SECRET_UNRESOLVED",
        class: "permanent",
      });
    },
  );

  test("a password where a reference belongs is refused without being repeated", async () => {
    const refused = secretResolver({}).resolve("hunter22", signal);
    await expect(refused).rejects.toMatchObject({ code: "SECRET_UNRESOLVED" });
    await expect(refused).rejects.not.toThrow(/hunter22/u);
  });
});

describe("what a step throws", () => {
  const redactor = createRedactor();

  test("keeps its class, code and hint when it is a StepError", () => {
    const error = new StepError("subject", "BACKUP_DAMAGED", "short file", {
      hint: "look",
      details: { file: "a", rate: 1.5, size: 3n },
    });
    expect(stepFailure(error, redactor)).toEqual({
      class: "subject",
      code: "BACKUP_DAMAGED",
      message: "short file",
      hint: "look",
      details: { file: "a", rate: "1.5", size: "3" },
    });
  });

  test.each([
    [new FiredrillError("PG_BINARIES", "none found"), "PG_BINARIES", "none found"],
    [new TypeError("x is not a function"), "STEP_FAILED", "TypeError: x is not a function"],
    ["a text", "STEP_FAILED", "a text"],
    [undefined, "STEP_FAILED", "undefined"],
  ])("is permanent otherwise: %s", (error, code, message) => {
    expect(stepFailure(error, redactor)).toMatchObject({ class: "permanent", code, message });
  });
});

test.each([
  [{ a: { rate: 0.5 } }, ".a.rate"],
  [{ a: [1, Number.NaN] }, ".a.1"],
  [{ a: 2 ** 53 }, ".a"],
  [{ a: "\ud800" }, ".a"],
  [{ a: new Date(0) }, ".a"],
  [{ a: 1n }, ".a"],
  [{ a: [1, "x", true, null, { b: undefined }] }, null],
])("outputs the journal does not take are found: %o", (value, place) => {
  expect(notJournalable(value)).toBe(place);
});
