import { connect } from "node:net";
import type { Client } from "pg";
import type { PathHost } from "./path-spec.ts";

/** Manual 53.2.8 and 53.7: length, code 1234.5678, process, key. */
const LENGTH = 16;
const CODE = 80_877_102;
const DEADLINE_MS = 1000;

/**
 * Asks the server to give up what it does for this client, which goes away: a backend that waits for a lock or for a synchronous
 * standby does not notice that, and would keep its place until no other client finds one. Nobody waits for the answer, there is none.
 */
export function sendCancel(client: Client, { host, port }: PathHost): void {
  const { processID, secretKey } = keyOf(client);
  if (processID === null || secretKey === null) return;
  const message = Buffer.alloc(LENGTH);
  message.writeInt32BE(LENGTH, 0);
  message.writeInt32BE(CODE, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = connect(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  socket.on("error", () => undefined);
  socket.setTimeout(DEADLINE_MS, () => socket.destroy());
  socket.once("connect", () => socket.end(message));
  // It must not keep the process alive.
  socket.unref();
}

/** Boundary: pg keeps what the server's BackendKeyData said, and its types do not name it. */
function keyOf(client: Client): { readonly processID: number | null; readonly secretKey: number | null } {
  const { processID, secretKey } = client as unknown as Readonly<Record<string, unknown>>;
  return { processID: whole(processID), secretKey: whole(secretKey) };
}

function whole(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) ? value : null;
}
