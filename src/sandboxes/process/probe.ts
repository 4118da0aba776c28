import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Isolation } from "../../drills/facts.ts";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { ProbeTarget } from "../../steps/ports/sandbox.ts";
import { CLEAN_ENVIRONMENT, runBounded } from "./bounded.ts";
import type { Confinement } from "./confine.ts";
import { type Attempt, attemptsFor, refuseAddressOf } from "./endpoints.ts";

const PROBE_MS = 20_000;

/** From `src/` as well as from `dist/`: the extension is that of this file. */
export const PROBE_PROGRAM: readonly string[] = [
  process.execPath,
  "--no-warnings",
  fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./probe-main.ts" : "./probe-main.js", import.meta.url)),
];

/**
 * Tries every endpoint from inside the fence, before a server is there. A listener of our own on this machine's loopback
 * is tried as well: behind a network namespace it must not be reached, without one it must, or the prober is blind.
 */
export async function probeIsolation(
  ref: SandboxRef,
  targets: readonly ProbeTarget[],
  confinement: Confinement,
  signal: AbortSignal,
): Promise<Isolation> {
  const tried = await attemptsFor(targets);
  refuseAddressOf(ref, tried);
  await using control = await listen();
  const ask = [
    { host: "127.0.0.1", port: control.port },
    ...tried.map(({ host, target }) => ({ host, port: target.port })),
  ];
  const [atControl = "", ...answers] = await askInside(ask, confinement, signal);
  return {
    kind: "isolation",
    probes: [
      controlProbe(ref, atControl),
      ...tried.map((attempt, index) => endpointProbe(attempt, answers[index] ?? "")),
    ],
  };
}

type Probe = Isolation["probes"][number];

function controlProbe(ref: SandboxRef, answer: string): Probe {
  const probe =
    "a listener of our own on 127.0.0.1, from a short-lived process in the sandbox's fence, before its server runs";
  const fenced = ref.fence === "network-namespace";
  const expected = fenced
    ? "not reachable (network namespace)"
    : "reachable (no network fence: the server's settings alone keep it in)";
  return { probe, expected, actual: describe(answer), ok: (answer === "connected") !== fenced };
}

function endpointProbe({ title }: Attempt, answer: string): Probe {
  return {
    probe: `connect to ${title}`,
    expected: "not reachable",
    actual: describe(answer),
    ok: answer !== "connected" && answer !== "",
  };
}

function describe(answer: string): string {
  if (answer === "connected") return "reachable";
  return answer === "" ? "no answer of the prober" : `not reachable (${answer})`;
}

async function listen(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return { port: portOf(server), [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function askInside(
  targets: readonly { readonly host: string; readonly port: number }[],
  confinement: Confinement,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const run = {
    ...confinement,
    env: CLEAN_ENVIRONMENT,
    cwd: "/",
    stdin: JSON.stringify(targets),
    timeoutMs: PROBE_MS,
    signal,
  };
  const { code, stdout, stderr } = await runBounded(run);
  const answers = code === 0 ? z.array(z.string()).safeParse(JSON.parse(stdout)).data : undefined;
  if (answers?.length === targets.length) return answers;
  throw new StepError(
    "permanent",
    "SANDBOX_PROBE",
    `The fence could not be tried out: ${stderr.trim().split("\n")[0] || `exit code ${code}`}.`,
    {
      hint: "A sandbox whose fence is not proven is not used. Run `firedrill doctor`.",
    },
  );
}
