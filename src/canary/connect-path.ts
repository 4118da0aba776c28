import { Socket } from "node:net";
import { Client, type ClientConfig } from "pg";
import type { Clock } from "../support/clock.ts";
import { openSocketDirectory, type SocketDirectory } from "../support/socket-directory.ts";
import { CanaryConnection } from "./connection.ts";
import { endpointText, type PathHost, type PathSpec } from "./path-spec.ts";
import { reasonOf } from "./reason.ts";
import { TIMED_OUT, within } from "./within.ts";

export type Connected =
  | { readonly kind: "connected"; readonly connection: CanaryConnection }
  /** One reason for each host, in the order of the path, separated by commas. */
  | { readonly kind: "failed"; readonly reason: string };

export interface ConnectOptions {
  readonly clock: Clock;
  readonly application: string;
  readonly signal: AbortSignal;
}

/**
 * The first host that will have us, in the order given, as libpq does it (manual: 34.1.1): none is preferred for having been
 * good before, names are looked up afresh, and the connect timeout counts for each host anew. Never rejects.
 */
export async function connectAlong(path: PathSpec, options: ConnectOptions): Promise<Connected> {
  const reasons: string[] = [];
  for (const host of path.hosts) {
    if (options.signal.aborted) return { kind: "failed", reason: "stopped" };
    // One after the other is what the path means.
    const tried = await connectTo(host, path, options);
    if (tried.kind === "connected") return tried;
    reasons.push(tried.reason);
  }
  return { kind: "failed", reason: reasons.join(",") };
}

async function connectTo(host: PathHost, path: PathSpec, options: ConnectOptions): Promise<Connected> {
  const deadlineUs = options.clock.monoUs() + path.connectTimeoutUs;
  const left = (): number => Math.max(0, deadlineUs - options.clock.monoUs());
  let folder: SocketDirectory | null = null;
  try {
    if (host.host.startsWith("/")) folder = openSocketDirectory(host.host);
    const client = new Client(clientConfig(folder?.host ?? host.host, host.port, path, options.application));
    const greeted = await greet(client, left(), options.signal);
    if (greeted.kind === "failed") return greeted;
    const connection = new CanaryConnection(client, host, endpointText(host, addressOf(client)));
    const refusal = path.targetSessionAttrs === "any" ? null : await refusesWrites(connection, greeted.session, left());
    if (refusal === null) return { kind: "connected", connection };
    connection.drop(refusal);
    return { kind: "failed", reason: refusal };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  } finally {
    folder?.release();
  }
}

/** Every value is given: for those that are not, pg reads PGUSER, PGPASSWORD and the like. No `options`: poolers refuse them. */
function clientConfig(host: string, port: number, path: PathSpec, application: string): ClientConfig {
  const { user, database, password } = path;
  return {
    host,
    port,
    user,
    database,
    password: () => password ?? "",
    ssl: false,
    application_name: application,
    client_encoding: "UTF8",
    // Numbers as the server wrote them: who asks knows what they are.
    types: { getTypeParser: () => String },
  };
}

/** None for a unix socket. */
function addressOf({ connection: { stream } }: Client): string | undefined {
  return stream instanceof Socket ? stream.remoteAddress : undefined;
}

/** What the server said of the session while it was opened (`ParameterStatus`). */
type SessionFacts = ReadonlyMap<string, string>;
type Greeted =
  | { readonly kind: "greeted"; readonly session: SessionFacts }
  | { readonly kind: "failed"; readonly reason: string };

async function greet(client: Client, timeoutUs: number, signal: AbortSignal): Promise<Greeted> {
  const session = new Map<string, string>();
  client.connection.on("parameterStatus", (status: { parameterName: string; parameterValue: string }) => {
    session.set(status.parameterName, status.parameterValue);
  });
  client.on("error", () => undefined);
  const abort = (): void => void client.connection.stream.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const connecting = client.connect().then(
      (): Greeted => ({ kind: "greeted", session }),
      (error: unknown): Greeted => ({ kind: "failed", reason: reasonOf(error) }),
    );
    const greeted = await within(connecting, timeoutUs);
    if (greeted !== TIMED_OUT && greeted.kind === "greeted") return greeted;
    abort();
    return greeted === TIMED_OUT ? { kind: "failed", reason: "connect_timeout" } : greeted;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Null: it takes writes. As libpq: by what the server reported when it opened (14 and later), else by asking it. */
async function refusesWrites(
  connection: CanaryConnection,
  session: SessionFacts,
  timeoutUs: number,
): Promise<string | null> {
  const readOnly = session.get("default_transaction_read_only");
  const standby = session.get("in_hot_standby");
  if (readOnly !== undefined && standby !== undefined) {
    return readOnly === "on" || standby === "on" ? "read_only" : null;
  }
  const answer = await connection.ask("show transaction_read_only", timeoutUs);
  if (answer.kind === "rows") return answer.rows[0]?.[0] === "off" ? null : "read_only";
  return answer.kind === "error" ? answer.sqlstate : answer.reason;
}
