import { z } from "zod";
import { LineReader } from "./line-reader.ts";
import { damaged, type LinePlace, numberAt, readHeader, textAt } from "./log-line.ts";
import { ACKED, Markers, PENDING, REFUSED, UNKNOWN } from "./markers.ts";
import { LEDGER_VERSION } from "./specs.ts";
import { WallTimes } from "./wall-times.ts";

const headerSchema = z.object({
  id: z.string(),
  writers: z.number().int().positive(),
  firstSeq: z.array(z.number().int().positive()),
  payloadBytes: z.number().int().nonnegative(),
  bootId: z.string(),
});

/** What the writers of one traffic say of their markers, all processes together. */
export interface Ledger {
  /** By writer. */
  readonly markers: readonly Markers[];
  readonly wall: WallTimes;
  /** Acknowledgements out of order, or with a hole in the numbers before them. */
  readonly gaps: number;
  /** Last reason why a writer could not connect or lost its connection. */
  readonly trouble: string | null;
  /** Whether each writer had an acknowledgement. */
  readonly allAcked: boolean;
}

export async function readLedger(paths: readonly string[]): Promise<Ledger> {
  const reader = new LedgerReader();
  for (const path of paths) {
    reader.begin(path);
    await new LineReader(path).read((line) => reader.line(line));
  }
  return reader;
}

/** Folds the lines of one ledger after another. Throws `TRAFFIC_LOG` for a line that is none. */
export class LedgerReader implements Ledger {
  readonly markers: Markers[] = [];
  readonly wall = new WallTimes();
  gaps = 0;
  trouble: string | null = null;
  #place: LinePlace = { path: "", line: 0 };
  #bootId: string | null = null;
  readonly #acked = new Set<number>();

  get allAcked(): boolean {
    return this.markers.length > 0 && this.#acked.size === this.markers.length;
  }

  begin(path: string): void {
    this.#place = { path, line: 0 };
  }

  line(text: string): void {
    this.#place = { ...this.#place, line: this.#place.line + 1 };
    if (this.#place.line === 1) this.#header(text);
    else this.#fold(text.split(" "));
  }

  #header(text: string): void {
    const header = readHeader(headerSchema, LEDGER_VERSION, text, this.#place);
    if (this.#bootId !== null && this.#bootId !== header.bootId) {
      throw damaged(
        this.#place,
        "it was written after a restart of this machine: its times do not continue the others'",
      );
    }
    this.#bootId = header.bootId;
    for (let writer = this.markers.length; writer < header.writers; writer += 1) {
      this.markers.push(new Markers(writer, header.firstSeq[writer] ?? 1));
    }
  }

  #fold(fields: readonly string[]): void {
    const monoUs = numberAt(fields, 1, this.#place);
    switch (fields[0]) {
      case "s":
        return this.#sent(monoUs, fields);
      case "a":
        textAt(fields, 4, this.#place);
        return this.#answered(monoUs, fields, ACKED);
      case "u":
        return this.#answered(monoUs, fields, UNKNOWN);
      case "r":
        this.trouble = textAt(fields, 4, this.#place);
        return this.#answered(monoUs, fields, REFUSED);
      case "w":
        return this.wall.noted(monoUs, numberAt(fields, 2, this.#place));
      case "x":
        this.trouble = textAt(fields, 3, this.#place);
        return;
      case "c":
      case "e":
        return;
      default:
        throw damaged(this.#place, "it begins with no letter of a ledger");
    }
  }

  #sent(monoUs: number, fields: readonly string[]): void {
    const markers = this.#of(fields);
    const seq = numberAt(fields, 3, this.#place);
    if (seq < markers.next) throw damaged(this.#place, `number ${seq} of writer ${markers.writer} stands there twice`);
    if (seq > markers.next) throw damaged(this.#place, `numbers before ${seq} of writer ${markers.writer} are missing`);
    markers.sent(monoUs);
  }

  #answered(monoUs: number, fields: readonly string[], state: typeof ACKED | typeof UNKNOWN | typeof REFUSED): void {
    const markers = this.#of(fields);
    const seq = numberAt(fields, 3, this.#place);
    if (!markers.has(seq) || markers.state(seq - markers.first) !== PENDING) {
      throw damaged(this.#place, `an answer to number ${seq} of writer ${markers.writer}, which waits for none`);
    }
    markers.answered(seq, state, monoUs);
    if (state !== ACKED) return;
    this.#acked.add(markers.writer);
    if (seq !== markers.next - 1) this.gaps += 1;
  }

  #of(fields: readonly string[]): Markers {
    const markers = this.markers[numberAt(fields, 2, this.#place)];
    if (markers === undefined) throw damaged(this.#place, "there is no such writer");
    return markers;
  }
}
