import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { PatroniNode } from "../../src/steps/ports/patroni.ts";

export interface Said {
  readonly status: number;
  readonly text: string;
  readonly location?: string;
}

/** What a node's REST API answers to a path; null: nothing, ever. */
export type Answers = (path: string, body: string, request: IncomingMessage) => Said | null;

export interface PatroniServer extends AsyncDisposable {
  readonly node: PatroniNode;
  /** Paths and bodies that were asked for, in order. */
  readonly asked: string[];
  say(answers: Answers): void;
}

export const json = (value: unknown): Said => ({ status: 200, text: JSON.stringify(value) });

/** A real HTTP server that answers as it is told. */
export async function patroniServer(name: string, first: Answers): Promise<PatroniServer> {
  let answers = first;
  const asked: string[] = [];
  const server = createServer((request, response) => void reply(request, response));
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "";
    asked.push(`${request.method} ${path} ${body}`.trim());
    const said = answers(path, body, request);
    if (said !== null) response.writeHead(said.status, headersOf(said)).end(said.text);
  };
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    node: nodeAt(name, `http://127.0.0.1:${port}`),
    asked,
    say: (next) => void (answers = next),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function headersOf({ location }: Said): Readonly<Record<string, string>> {
  return { connection: "close", ...(location === undefined ? {} : { location }) };
}

export function nodeAt(name: string, patroni: string): PatroniNode {
  const local = { dataDir: null, bin: null, start: null, stop: null, supervisorPidFile: null };
  return { name, endpoint: { host: name, port: 5432 }, ...local, patroni };
}
