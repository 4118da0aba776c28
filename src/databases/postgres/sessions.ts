import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import type { DatabaseRef } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { Session, SessionOptions, Sessions } from "../../steps/ports/postgres.ts";
import { openSocketDirectory, type SocketDirectory } from "../../support/socket-directory.ts";
import { textTypes } from "./result-types.ts";
import { knowsNoEventTriggers, SANDBOX_PINS, SANDBOX_PINS_SINCE_17, settleSandboxSession } from "./sandbox-session.ts";
import { connectError, queryError, sqlState } from "./session-errors.ts";

export interface SessionsDeps {
  /** Value of a secret reference (`file:/...`, `env:NAME`). */
  secret(ref: string): Promise<string>;
}

/** Time for the server to cancel by itself before we drop the connection. */
const GRACE_MS = 2000;

export function createSessions(deps: SessionsDeps): Sessions {
  return {
    async open(database, options) {
      options.signal.throwIfAborted();
      const password = database.password === null ? null : await deps.secret(database.password);
      using reach = reachHost(database);
      const config = clientConfig(database, reach.host, password, options);
      try {
        return database.sandbox === null
          ? new PgSession(await connect(config, options.signal), options.signal)
          : await openInSandbox(config, options.signal);
      } catch (error) {
        options.signal.throwIfAborted();
        throw error instanceof StepError ? error : connectError(error, database);
      }
    },
  };
}

/** The server's version is not known before; a server that knows less than we pin says so, and is asked again. */
async function openInSandbox(config: ClientConfig, signal: AbortSignal): Promise<Session> {
  const pinned = (pins: readonly string[]): ClientConfig => ({
    ...config,
    options: `${config.options ?? ""} ${asOptions(pins)}`,
  });
  const client = await connect(pinned([...SANDBOX_PINS, ...SANDBOX_PINS_SINCE_17]), signal).catch((error: unknown) => {
    if (!knowsNoEventTriggers(sqlState(error), error)) throw error;
    return connect(pinned(SANDBOX_PINS), signal);
  });
  const session = new PgSession(client, signal);
  try {
    await settleSandboxSession(session);
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** A unix socket's path is limited to 107 bytes; a longer folder is reached by a short name until we are connected. */
export function reachHost(database: DatabaseRef): Disposable & { readonly host: string } {
  if (!database.host.startsWith("/")) return { host: database.host, [Symbol.dispose]: () => undefined };
  const folder = openFolder(database);
  return { host: folder.host, [Symbol.dispose]: () => folder.release() };
}

function openFolder(database: DatabaseRef): SocketDirectory {
  try {
    return openSocketDirectory(database.host);
  } catch (error) {
    throw connectError(error, database);
  }
}

/** Every value is given: for those that are not, pg reads PGUSER, PGPASSWORD, PGOPTIONS and the like. */
export function clientConfig(
  database: DatabaseRef,
  host: string,
  password: string | null,
  options: Omit<SessionOptions, "signal">,
): ClientConfig {
  return {
    host,
    port: database.port,
    user: database.user,
    database: database.database,
    password: () => password ?? "",
    ssl: false,
    application_name: "firedrill",
    client_encoding: "UTF8",
    options: startupOptions(options),
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.statementTimeoutMs === 0 ? undefined : options.statementTimeoutMs + GRACE_MS,
    types: textTypes,
  };
}

/** Options of the connection win over `ALTER DATABASE ... SET` and `ALTER ROLE ... SET`, which a backup brings along. */
function startupOptions(options: Omit<SessionOptions, "signal">): string {
  return asOptions([
    `default_transaction_read_only=${options.readOnly ? "on" : "off"}`,
    `statement_timeout=${options.statementTimeoutMs}`,
    "DateStyle=ISO,YMD",
    "IntervalStyle=iso_8601",
    "TimeZone=UTC",
    "extra_float_digits=1",
    "lock_timeout=0",
  ]);
}

function asOptions(settings: readonly string[]): string {
  return settings.map((setting) => `-c ${setting}`).join(" ");
}

async function connect(config: ClientConfig, signal: AbortSignal): Promise<Client> {
  const client = new Client(config);
  // A connection that breaks between two queries is told by the next one.
  client.on("error", () => undefined);
  const abort = (): void => void client.connection.stream.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

class PgSession implements Session {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => void this.#client.connection.stream.destroy();

  constructor(client: Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  async query<Row extends Readonly<Record<string, unknown>>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    this.#signal.throwIfAborted();
    try {
      const result =
        values.length === 0 ? await this.#client.query<Row>(text) : await this.#client.query<Row>(text, [...values]);
      return result.rows;
    } catch (error) {
      this.#signal.throwIfAborted();
      // Not the server's own answer (a hung server, a broken socket): nothing sensible can follow on this connection.
      if (sqlState(error) === null) this.#client.connection.stream.destroy();
      throw queryError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#abort);
    const { stream } = this.#client.connection;
    if (stream.destroyed) return;
    const ended = this.#client.end().then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([ended, delay(GRACE_MS, undefined, { ref: false })]);
    stream.destroy();
  }
}
