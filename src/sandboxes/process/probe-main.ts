/**
 * Runs inside the fence: reads `[{host, port}]` from stdin, tries to connect to all at once, writes what came of each as a
 * JSON array of strings in the same order to stdout: `connected`, an error code, or `timeout`. A host that begins with `/`
 * is a folder with a unix socket. Takes no argument and imports nothing of ours, so that it runs from anywhere.
 */
import { connect } from "node:net";
import { text } from "node:stream/consumers";

const DEADLINE_MS = 500;

interface Target {
  readonly host: string;
  readonly port: number;
}

function tryOne({ host, port }: Target): Promise<string> {
  return new Promise((resolve) => {
    const socket = host.startsWith("/") ? connect({ path: `${host}/.s.PGSQL.${port}` }) : connect({ host, port });
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, DEADLINE_MS, "timeout");
    socket.once("connect", () => end("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

// Our own parent wrote it: the shape is known.
const targets = JSON.parse(await text(process.stdin)) as readonly Target[];
const answers = await Promise.all(targets.map(tryOne));
// A name that is still being looked up would hold the process.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
