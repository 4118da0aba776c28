import type { Isolation } from "../../drills/facts.ts";
import type { Endpoint } from "../../drills/inventory.ts";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";

/** Makes fenced places for restored copies. The ledger entry is written by the caller before `create`. */
export interface Sandboxes {
  /** Chooses id, folder, port, user and fence; makes nothing. */
  plan(request: SandboxRequest): Promise<SandboxRef>;
  /** Makes the folder (its sub-folders 0700, owned by the service user) and starts the watchdog that ends it at its time to live. */
  create(ref: SandboxRef, labels: SandboxLabels, signal: AbortSignal): Promise<void>;
  /** Starts a program in it, as its user, inside its fence, detached from us, output to `log/<name>.log`. */
  launch(ref: SandboxRef, launch: Launch, signal: AbortSignal): Promise<Launched>;
  /** Tries, from inside, to reach each endpoint; all must fail. */
  probe(ref: SandboxRef, targets: readonly ProbeTarget[], signal: AbortSignal): Promise<Isolation>;
  /** Gives a file or folder made by us to the sandbox's user. */
  own(ref: SandboxRef, path: string): Promise<void>;
}

export interface SandboxRequest {
  readonly ttlMs: number;
  /** `auto`: a network namespace where the machine allows it, else settings. */
  readonly fence: "auto" | "network-namespace" | "settings";
}

export interface SandboxLabels {
  readonly installation: string;
  readonly run: string;
  readonly epoch: number;
  readonly title: string;
}

export interface Launch {
  readonly name: string;
  /** Absolute program and arguments; never a shell string. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Further paths the program must be able to get to (a `restore_command`'s program, a library folder). */
  readonly reaches?: readonly string[];
}

export interface Launched {
  readonly pid: number;
  /** Resolves when it ends; never rejects. Does not keep this process alive: the program is not ours to wait for. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** File that holds its output. */
  readonly logPath: string;
}

export interface ProbeTarget extends Endpoint {
  readonly system: string;
}
