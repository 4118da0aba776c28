import { spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import { runCommandStep } from "../../../src/steps/command/run.ts";
import type { Commands } from "../../../src/steps/ports/commands.ts";
import { runStep } from "../../support/checks-context.ts";
import { type CommandLab, commandLab } from "../../support/command-lab.ts";
import { type DrillContext, drillContext, type DrillContextOptions } from "../../support/drill-context.ts";
import { t0 } from "../../support/traffic-fake.ts";
import { containing, matching } from "../../support/pg-matchers.ts";

let lab: CommandLab;
beforeEach(() => {
  lab = commandLab({ "env:TOKEN": "s3cr3t-token" });
});
afterEach(() => lab[Symbol.asyncDispose]());

type Input = z.input<ReturnType<typeof runCommandStep>["with"]>;

function run(input: Input, options: DrillContextOptions = {}, commands: Commands = lab.commands) {
  const secrets = { "env:TOKEN": "s3cr3t-token" };
  const ctx = drillContext({ runDir: lab.dir, secrets, ...options });
  lab.redactor.add("s3cr3t-token");
  return { ctx, result: runStep(runCommandStep({ commands }), input, ctx) };
}

const outputs = async (input: Input) => (await run(input).result).outputs;

describe("command/run", () => {
  test("gives the exit code and both outputs; nothing is on stdin, arguments are no shell's", async () => {
    const program = lab.script("say.sh", 'cat; printf "%s\\n" "$@"; echo warned >&2; exit 3');
    expect(await outputs({ argv: [program, "a b", "$(id)"], expectExit: [0, 3] })).toEqual({
      exitCode: 3,
      stdout: "a b\n$(id)\n",
      stderr: "warned\n",
      cut: false,
      json: null,
    });
  });

  test("its environment is what was given and no more, and it stands in the folder asked for", async () => {
    const program = lab.script("env.sh", "env | grep -v FIREDRILL_COMMAND | sort; pwd");
    const { stdout } = await outputs({ argv: [program], env: { GREETING: "hello" }, cwd: lab.dir });
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect(stdout.split("\n")).toEqual(["GREETING=hello", "LC_ALL=C", path, `PWD=${lab.dir}`, lab.dir, ""]);
  });

  test("a secret reaches it by reference and is in no output and no locator", async () => {
    const program = lab.script("token.sh", 'echo "token is $TOKEN"; echo "$TOKEN" | tr a-z a-z >&2');
    const { ctx, result } = run({ argv: [program], env: { TOKEN: { secret: "env:TOKEN" } } });
    expect((await result).outputs).toMatchObject({ stdout: "token is [redacted]\n", stderr: "[redacted]\n" });
    expect(JSON.stringify([...ctx.resources.values()])).not.toContain("s3cr3t-token");
  });

  test.each(["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "FIREDRILL_COMMAND", "A-B", ""])(
    "a variable that would steer what is run is refused: %j",
    async (name) => {
      const program = lab.script("never.sh", "exit 0");
      expect(() =>
        runCommandStep({ commands: lab.commands }).with.parse({ argv: [program], env: { [name]: "x" } }),
      ).toThrow("do not steer");
    },
  );

  test("keeps the last 64 kB, tells that it is cut, and holds up nobody who writes more", async () => {
    const program = lab.script("much.sh", "seq 1 200000; echo last");
    const { stdout, cut } = await outputs({ argv: [program] });
    expect(cut).toBe(true);
    expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(64 * 1024);
    expect(stdout).toMatch(/199999\n200000\nlast\n$/u);
  });

  test("takes a secret out also where the cut would have gone through it", async () => {
    // The kept 64 kB begin with the last five letters of the secret.
    const program = lab.script("cut.sh", `printf %s "$TOKEN"; head -c 65531 /dev/zero | tr '\\0' x`);
    const { result } = run({ argv: [program], env: { TOKEN: { secret: "env:TOKEN" } } });
    expect((await result).outputs).toMatchObject({ cut: true, stdout: matching(/^(?!.*token)/su) });
  });

  test("gives JSON as values, numbers with a fraction as text", async () => {
    const program = lab.script("json.sh", `echo '{"primary": "db2", "lag": 0.25, "nodes": [1, 2]}'`);
    expect(await outputs({ argv: [program], output: "json" })).toMatchObject({
      json: { primary: "db2", lag: "0.25", nodes: [1, 2] },
    });
    const chatty = lab.script("chatty.sh", "echo 'done: {}'");
    await expect(outputs({ argv: [chatty], output: "json" })).rejects.toMatchObject({ code: "COMMAND_OUTPUT" });
  });

  test("another exit code is an error with the last line it said", async () => {
    const program = lab.script("fail.sh", "echo trying; echo 'no quorum' >&2; exit 7");
    const { ctx, result } = run({ argv: [program] }, { phase: "disaster" });
    await expect(result).rejects.toMatchObject({
      class: "permanent",
      code: "COMMAND_FAILED",
      message: `${program} exited with 7, expected 0: no quorum`,
      details: { exitCode: 7, stdout: "trying\n", stderr: "no quorum\n" },
    });
    // What it did before it gave up may have been the disaster.
    expect(ctx.recorded.marks).toMatchObject([{ mark: "T0" }]);
  });

  test("a signal is no exit code", async () => {
    const program = lab.script("die.sh", "kill -SEGV $$");
    await expect(run({ argv: [program], expectExit: [0, 139] }).result).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: containing("was ended by SIGSEGV"),
    });
  });

  test("in the disaster phase its time is T0, unless an earlier step has set it", async () => {
    const program = lab.script("ok.sh", "exit 0");
    const first = run({ argv: [program] }, { phase: "disaster" });
    const before = first.ctx.clock.monoUs();
    await first.result;
    const [mark] = first.ctx.recorded.marks;
    expect(mark).toMatchObject({ mark: "T0", source: "orchestrator", note: `command ${program}` });
    expect((mark?.monoUs ?? 0) - (mark?.resolutionUs ?? 0)).toBeGreaterThanOrEqual(before);
    for (const options of [{ phase: "disaster", marks: [t0(1)] }, { phase: "recover" }] as const) {
      const { ctx, result } = run({ argv: [program] }, options);
      await result;
      expect(ctx.recorded.marks).toEqual(options.phase === "disaster" ? [t0(1)] : []);
    }
  });

  test("is in the ledger first, as begun right before it begins, and after the question who holds the system", async () => {
    const program = lab.script("ok.sh", "exit 0");
    const { ctx, result } = run({ argv: [program], undo: [program] });
    await result;
    expect(ctx.order).toEqual(["planned command", "current", "created command"]);
    expect(onlyResource(ctx).locator).toMatchObject({ began: true, undo: [program] });
  });

  test("after a crash nobody can tell what it did", async () => {
    const step = runCommandStep({ commands: lab.commands });
    const answer = await step.reconcile?.(step.with.parse({ argv: ["/bin/failover"] }), drillContext());
    expect(answer).toMatchObject({ kind: "unknown", message: containing("/bin/failover may have run") });
  });
});

describe("the list of allowed commands", () => {
  test("a program that is not on it does not run, and the message names what to add", async () => {
    const program = lab.script("touch.sh", `echo ran > "$1"`);
    const { ctx, result } = run({ argv: [program, join(lab.dir, "ran")] }, {}, lab.allowing());
    await expect(result).rejects.toMatchObject({
      code: "COMMAND_NOT_ALLOWED",
      hint: `if it may, add it to firedrill.yaml: commands: [${program}]`,
    });
    expect([lab.read("ran"), ctx.order]).toEqual([null, []]);
  });

  test("a link counts as what it leads to", async () => {
    const program = lab.script("real.sh", "exit 0");
    const link = join(lab.dir, "link.sh");
    symlinkSync(program, link);
    expect(await outputs({ argv: [link] })).toMatchObject({ exitCode: 0 });
    // On the list stands a link that could be turned round to anything.
    await expect(run({ argv: [link] }, {}, lab.allowing(link)).result).rejects.toMatchObject({
      code: "COMMAND_NOT_ALLOWED",
      message: `${program} (${link} leads there) is not among the commands that may be run`,
    });
  });

  test("its undo must be on it too", async () => {
    const program = lab.script("do.sh", "exit 0");
    const undo = lab.script("undo.sh", "exit 0");
    const { ctx, result } = run({ argv: [program], undo: [undo] }, {}, lab.allowing(program));
    await expect(result).rejects.toMatchObject({ code: "COMMAND_NOT_ALLOWED" });
    expect(ctx.order).toEqual([]);
  });

  test.each([
    ["a program that is not there", "/nonexistent/failover"],
    ["a folder", "/usr"],
    ["a file that is no program", "/etc/passwd"],
  ])("%s cannot be run", async (_, program) => {
    await expect(run({ argv: [program] }, {}, lab.allowing(program)).result).rejects.toMatchObject({
      code: "COMMAND_MISSING",
    });
  });

  test("a folder that is not there is told", async () => {
    const program = lab.script("ok.sh", "exit 0");
    await expect(run({ argv: [program], cwd: "/nonexistent" }).result).rejects.toMatchObject({ code: "COMMAND_START" });
  });
});

/** Leaves one in a session of its own, one without an environment, and one that heeds no signal; each has the pipe open. */
const LITTER = `exec 9>"$1"
setsid sleep 300 &
env -i sleep 301 &
setsid sh -c "trap '' TERM INT HUP; while :; do sleep 302; done" &
`;

describe("its processes die with us", () => {
  test.each([
    ["while it runs", `${LITTER}echo ready >&9; wait`, ""],
    ["after it has ended", `${LITTER}echo ready >&9`, "ended 0\n"],
  ])("by SIGKILL %s, background work and foreign sessions included", async (_, body, said) => {
    const program = lab.script("litter.sh", body);
    const pipe = lab.pipe("alive");
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("../../support/command-child.ts", import.meta.url)), lab.dir, program, pipe.path],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    expect(await pipe.line).toBe("ready");
    expect(said === "" ? "" : String(await once(child.stdout, "data"))).toBe(said);
    child.kill("SIGKILL");
    await pipe.closed;
  });

  test("a halt ends it, also one that heeds no SIGTERM, and what it left", async () => {
    const program = lab.script("deaf.sh", `trap '' TERM\n${LITTER}echo ready >&9; while :; do sleep 303; done`);
    const pipe = lab.pipe("alive");
    const halt = new AbortController();
    const { result } = run({ argv: [program, pipe.path] }, { signal: halt.signal });
    await pipe.line;
    const before = performance.now();
    halt.abort(new Error("halted"));
    await expect(result).rejects.toThrow("halted");
    await pipe.closed;
    expect(performance.now() - before).toBeLessThan(5000);
  });

  test("a command that heeds SIGTERM may end in order", async () => {
    const program = lab.script(
      "orderly.sh",
      `trap 'echo put right > "${lab.dir}/end"; exit 0' TERM\nexec 9>"$1"; echo ready >&9; sleep 304 & wait`,
    );
    const pipe = lab.pipe("alive");
    const halt = new AbortController();
    const { result } = run({ argv: [program, pipe.path] }, { signal: halt.signal });
    await pipe.line;
    halt.abort(new Error("halted"));
    await expect(result).rejects.toThrow("halted");
    expect(lab.read("end")).toBe("put right\n");
  });
});

describe("cleanup", () => {
  const soon = () => AbortSignal.timeout(20_000);

  test("ends what a command left running and proves it", async () => {
    const program = lab.script("litter.sh", `${LITTER}echo ready >&9`);
    const pipe = lab.pipe("alive");
    const { ctx, result } = run({ argv: [program, pipe.path] });
    expect((await result).outputs).toMatchObject({ exitCode: 0 });
    const { keeper } = lab.commands;
    const { locator } = onlyResource(ctx);
    const before = await keeper.verifyGone(locator, soon());
    expect(before).toMatchObject({
      gone: false,
      how: matching(/^\/proc: [1-9]\d* of \d+ processes bear its marker/u),
    });
    await keeper.destroy(locator, soon());
    await pipe.closed;
    expect(await keeper.verifyGone(locator, soon())).toMatchObject({
      gone: true,
      how: matching(/^\/proc: 0 of \d+ processes bear its marker; undo: none was asked for$/u),
    });
  });

  test("undoes it once, with its environment and folder, secrets looked up anew", async () => {
    const program = lab.script("do.sh", "exit 0");
    const undo = lab.script("undo.sh", `echo "$1 $ZONE $TOKEN" >> undone; sleep 305 &`);
    const env = { ZONE: "b", TOKEN: { secret: "env:TOKEN" } };
    const { ctx, result } = run({ argv: [program], undo: [undo, "back"], env, cwd: lab.dir });
    await result;
    const { keeper } = lab.commands;
    const { locator } = onlyResource(ctx);
    expect(await keeper.verifyGone(locator, soon())).toMatchObject({ gone: false });
    await keeper.destroy(locator, soon());
    await keeper.destroy(locator, soon());
    expect(lab.read("undone")).toBe("back b s3cr3t-token\n");
    expect(await keeper.verifyGone(locator, soon())).toMatchObject({
      gone: true,
      how: containing("undo: exited with 0"),
    });
  });

  test("what failed is undone too; what never began is not", async () => {
    const undo = lab.script("undo.sh", `echo undone >> "${lab.dir}/undone"`);
    const failing = run({ argv: [lab.script("fail.sh", "exit 1")], undo: [undo] });
    await expect(failing.result).rejects.toMatchObject({ code: "COMMAND_FAILED" });
    await lab.commands.keeper.destroy(onlyResource(failing.ctx).locator, soon());
    expect(lab.read("undone")).toBe("undone\n");

    const taken = (): Promise<never> => Promise.reject(new Error("taken over"));
    const never = run({ argv: [lab.script("ok.sh", "exit 0")], undo: [undo] }, { requireCurrent: taken, stepId: "b" });
    await expect(never.result).rejects.toThrow("taken over");
    await lab.commands.keeper.destroy(onlyResource(never.ctx).locator, soon());
    expect(lab.read("undone")).toBe("undone\n");
    const verified = await lab.commands.keeper.verifyGone(onlyResource(never.ctx).locator, soon());
    expect(verified).toMatchObject({ gone: true, how: containing("not needed") });
  });

  test("an undo that fails, hangs or is not allowed any more leaves the entry open", async () => {
    const program = lab.script("do.sh", "exit 0");
    const failing = lab.script("undo.sh", "echo 'disk gone' >&2; exit 4");
    const failed = run({ argv: [program], undo: [failing] });
    await failed.result;
    const { keeper } = lab.commands;
    const { locator } = onlyResource(failed.ctx);
    await expect(keeper.destroy(locator, soon())).rejects.toMatchObject({
      code: "COMMAND_UNDO_FAILED",
      message: `the undo ${failing} exited with 4: disk gone`,
    });
    expect(await keeper.verifyGone(locator, soon())).toMatchObject({
      gone: false,
      how: containing("undo: has not ended well"),
    });
    await expect(lab.allowing(program).keeper.destroy(locator, soon())).rejects.toMatchObject({
      code: "COMMAND_NOT_ALLOWED",
    });
    const hanging = run(
      { argv: [program], undo: [lab.script("hang.sh", "sleep 306")], undoTimeout: "200ms" },
      { stepId: "hanging" },
    );
    await hanging.result;
    await expect(keeper.destroy(onlyResource(hanging.ctx).locator, soon())).rejects.toMatchObject({
      code: "COMMAND_UNDO_FAILED",
      message: containing("did not end within 200 ms"),
    });
  });

  test("a ledger that names no command makes it do nothing", async () => {
    const { keeper } = lab.commands;
    await expect(keeper.destroy({ token: "*", undo: ["/bin/rm", "-rf", "/"] }, soon())).rejects.toMatchObject({
      code: "COMMAND_LOCATOR",
    });
  });
});

function onlyResource(ctx: DrillContext) {
  const [resource] = ctx.resources.values();
  if (resource === undefined || ctx.resources.size > 1) throw new Error("expected one entry in the ledger");
  return resource;
}
