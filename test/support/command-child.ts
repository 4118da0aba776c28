// An orchestrator that runs one command and is killed: `command-child.ts <run folder> <program> <argument>`.
import { createCommands } from "../../src/commands/commands.ts";
import { systemClock } from "../../src/support/system-clock.ts";

const [runDir = "", program = "", argument = ""] = process.argv.slice(2);
const redactor = { text: (text: string) => text };
const secret = async (): Promise<string> => "";
const commands = createCommands({ allowed: [program], clock: systemClock(), redactor, secret });
const request = { installation: "test", runId: "run-1", runDir, step: "failover", attempt: 1, epoch: 1 };
const planned = await commands.plan({
  ...request,
  argv: [program, argument],
  cwd: "/",
  undo: null,
  undoTimeoutMs: 1000,
  env: {},
});
const { exitCode } = await commands.run(planned, {}, new AbortController().signal);
process.stdout.write(`ended ${exitCode}\n`);
// Stays until it is killed.
setInterval(() => undefined, 60_000);
