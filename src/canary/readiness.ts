import { LedgerReader } from "./ledger.ts";
import { LineReader } from "./line-reader.ts";
import { ProbeFold } from "./probe-fold.ts";
import { filesOf } from "./traffic-files.ts";

/** Whether the processes of now, not those before them, have got through to the service. */
export class Readiness {
  readonly #ledger = new LedgerReader();
  readonly #probes = new ProbeFold();
  readonly #ledgerLines: LineReader;
  readonly #probeLines: LineReader;

  constructor(dir: string) {
    const ledger = filesOf(dir, "writer").at(-1) ?? "";
    const probes = filesOf(dir, "prober").at(-1) ?? "";
    this.#ledger.begin(ledger);
    this.#probes.begin(probes);
    this.#ledgerLines = new LineReader(ledger);
    this.#probeLines = new LineReader(probes);
  }

  async look(): Promise<boolean> {
    await this.#ledgerLines.read((line) => this.#ledger.line(line));
    await this.#probeLines.read((line) => this.#probes.line(line));
    return this.#ledger.allAcked && this.#probes.view().goodInARow > 0;
  }

  /** What stood in their way, as far as is known. */
  trouble(): string {
    const writers = this.#ledger.allAcked ? "all acknowledged" : (this.#ledger.trouble ?? "no answer yet");
    const prober =
      this.#probes.view().goodInARow > 0 ? "good" : (this.#probes.view().outage?.reason ?? "no answer yet");
    return `in their time not every writer had an acknowledgement and the prober a good read and write (writers: ${writers}; prober: ${prober})`;
  }
}
