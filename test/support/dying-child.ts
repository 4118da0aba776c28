/** Starts a program by one of the ways that must die with us, says its number, and waits to be killed. */
import { runArgv } from "../../src/databases/postgres/node/run-argv.ts";
import { runTool } from "../../src/faults/run-tool.ts";
import { runBounded } from "../../src/sandboxes/process/bounded.ts";

const [way = "", dir = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const argv = ["/bin/sh", "-c", 'echo $$ > "$0/pid.new"; /bin/mv "$0/pid.new" "$0/pid"; exec /bin/sleep 1000', dir];
const env = { PATH: "/usr/bin:/bin" };

if (way === "tool") await runTool(argv, "", signal);
if (way === "argv") await runArgv({ argv, env, logPath: `${dir}/log` }, signal);
if (way === "bounded") await runBounded({ argv, env, cwd: "/", timeoutMs: 1_000_000, signal });
