/** An engine that starts traffic, says so, and waits to be killed: the plan comes as its argument. */
import { createTraffic } from "../../src/canary/traffic.ts";
import { canaryDeps } from "./canary-lab.ts";

// Our own test wrote it.
const planned = JSON.parse(process.argv[2] ?? "") as Parameters<ReturnType<typeof createTraffic>["start"]>[0];
const ref = await createTraffic(canaryDeps).start(planned, new AbortController().signal);
process.stdout.write(`${JSON.stringify(ref)}\n`);
setInterval(() => undefined, 1000);
