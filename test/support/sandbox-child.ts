import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { sandboxRefSchema } from "../../src/drills/sandbox-ref.ts";

const ORCHESTRATOR = fileURLToPath(new URL("./sandbox-orchestrator.ts", import.meta.url));

const madeSchema = z.object({ ref: sandboxRefSchema, pid: z.number(), self: z.number(), fenced: z.boolean() });
const answer = z.object({ gone: z.boolean(), how: z.string() });
const finishedSchema = z.object({ before: answer, after: answer });

export interface ChildOptions {
  readonly stateDir: string;
  readonly installation: string;
  readonly ttlMs: number;
  readonly fence?: "auto" | "settings";
  readonly task: "hold" | "crash" | "finish" | "postgres" | "serve";
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Command put before node: `setpriv ...`. */
  readonly prefix?: readonly string[];
}

export interface Child extends AsyncDisposable {
  readonly made: z.infer<typeof madeSchema>;
  /** What it saw while and after removing; only for those that finish. */
  finished(): Promise<z.infer<typeof finishedSchema>>;
  readonly ended: Promise<string | number | null>;
  kill(): void;
}

/** Runs `sandbox-orchestrator.ts` and resolves when its sandbox is there and its program runs. */
export async function orchestratorChild(options: ChildOptions): Promise<Child> {
  const { stateDir, installation, ttlMs, fence = "auto", task, prefix = [], user = {} } = options;
  const [program, ...args] = [...prefix, process.execPath, "--no-warnings"];
  const words = [ORCHESTRATOR, stateDir, installation, `${ttlMs}`, fence, task];
  const child = spawn(program ?? "", [...args, ...words], {
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
    ...user,
  });
  const ended = new Promise<string | number | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code)),
  );
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`the child ended: ${errors}`);
    return JSON.parse(line.value);
  };
  const kill = (): void => void child.kill("SIGKILL");
  return {
    made: madeSchema.parse(await next()),
    finished: async () => finishedSchema.parse(await next()),
    ended,
    kill,
    async [Symbol.asyncDispose]() {
      kill();
      await ended;
    },
  };
}
