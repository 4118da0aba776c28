import { createServer } from "node:http";

/** An address that a playbook's `wait/until` asks: it goes on when the work that its first question sets off is done. */
export interface Desk extends AsyncDisposable {
  readonly url: string;
}

export async function openDesk(work: () => Promise<void>): Promise<Desk> {
  let asked: Promise<void> | null = null;
  let status = 503;
  const server = createServer((_request, response) => {
    asked ??= work().then(() => void (status = 200));
    // Failed work is never done: the step's own deadline says so, and the test its reason.
    asked.catch(() => undefined);
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await asked;
    },
  };
}

/** A step that waits for a desk, as it stands in a playbook. */
export function waitingFor(id: string, { url }: Desk): string {
  return `    - id: ${id}\n      uses: wait/until\n      with: { url: "${url}", every: 20ms, within: 30s }\n`;
}
