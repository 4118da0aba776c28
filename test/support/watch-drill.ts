import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/support/system-clock.ts";
import { type CliEnd, type CliEvent, eventSchema } from "./cli-run.ts";
import type { HaCluster } from "./ha-cluster.ts";
import type { Seen } from "./seen.ts";

/** What a test sees of a drill by looking all the time, with its own clock. */
export interface DrillWatch extends AsyncDisposable {
  /** When this record was written. */
  record(fits: (event: CliEvent) => boolean): Promise<Seen>;
  /** When a node answered yes for the first time; it is asked over and over. */
  answer(node: string, query: string): Promise<Seen>;
  /** When a file was there for the first time. */
  file(path: string): Promise<Seen>;
}

const clock = systemClock();
const monoUs = (): number => clock.monoUs();
const LOOK_MS = 1;
/** What it wrote last is still to be looked at. */
const GRACE_MS = 100;
/** A record is made, then waits until those before it are durable, which never takes longer, and is written after that. */
const LONGEST_SYNC_US = 250_000;

/** Nothing is waited for any more once the drill has ended. */
export function watchDrill(ha: HaCluster, runDir: string, ended: Promise<CliEnd>): DrillWatch {
  const fd = openSync(join(runDir, "journal.jsonl"), "r");
  const seen: { readonly event: CliEvent; readonly at: Seen }[] = [];
  const ending = new AbortController();
  void ended.then(({ stderr }) =>
    delay(GRACE_MS).then(() => ending.abort(new Error(`the drill has ended: ${stderr}`))),
  );
  let text = "";
  let offset = 0;
  let last: Seen = { fromUs: 0, toUs: 0 };
  // The longest that this machine kept us from looking: it may keep a record that was made so long from being written.
  let stallUs = 0;
  const read = (at: Seen): void => {
    const { size } = fstatSync(fd);
    if (size === offset) return;
    const bytes = Buffer.alloc(size - offset);
    offset += readSync(fd, bytes, 0, bytes.length, offset);
    const lines = `${text}${bytes.toString("utf8")}`.split("\n");
    text = lines.pop() ?? "";
    const fromUs = at.fromUs - last.toUs < LONGEST_SYNC_US ? last.fromUs : at.fromUs;
    last = at;
    for (const line of lines) seen.push({ event: eventSchema.parse(JSON.parse(line)), at: { fromUs, toUs: at.toUs } });
  };
  const looking = each(ending.signal, (at) => {
    stallUs = Math.max(stallUs, at.toUs - at.fromUs);
    read(at);
    return false;
  }).catch(() => undefined);
  return {
    async record(fits) {
      for (;;) {
        const found = seen.find(({ event }) => fits(event));
        if (found !== undefined) return { fromUs: found.at.fromUs - stallUs, toUs: found.at.toUs };
        ending.signal.throwIfAborted();
        await delay(LOOK_MS);
      }
    },
    answer: (node, query) => untilAnswers(ha, node, query, ending.signal),
    file: (path) => each(ending.signal, () => existsSync(path)),
    async [Symbol.asyncDispose]() {
      ending.abort(new Error("the watch is over"));
      await looking;
      closeSync(fd);
    },
  };
}

/** Looks until it is so. */
async function each(signal: AbortSignal, look: (at: Seen) => boolean): Promise<Seen> {
  let fromUs = monoUs();
  for (;;) {
    signal.throwIfAborted();
    const nowUs = monoUs();
    if (look({ fromUs, toUs: nowUs })) return { fromUs, toUs: monoUs() };
    fromUs = nowUs;
    await delay(LOOK_MS);
  }
}

async function untilAnswers(ha: HaCluster, node: string, query: string, signal: AbortSignal): Promise<Seen> {
  await using session = await ha.session(node);
  let fromUs = monoUs();
  for (;;) {
    signal.throwIfAborted();
    const askedUs = monoUs();
    const [row] = await session.query<{ yes: boolean }>(`select (${query}) as yes`);
    if (row?.yes === true) return { fromUs, toUs: monoUs() };
    fromUs = askedUs;
    await delay(2);
  }
}
