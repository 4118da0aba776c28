import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../support/clock.ts";

/** More than the grain of the wall clock (1 ms), so that only its own moves are noted. */
const WALL_MOVED_US = 2500;

/**
 * An append-only text file of one process, a line at a time. What was written survives the process, whatever ends it: it is
 * in the kernel's hands. The death of this machine ends the drill anyway, so nothing is synced.
 *
 * Every line but the first begins with a letter and the monotonic time. `w` lines say what the wall clock showed: it runs beside
 * the monotonic one from there until the next.
 */
export class LogFile {
  readonly #fd: number;
  readonly #clock: Clock;
  #offsetUs: number;
  /** Monotonic time of the last line. */
  lastUs: number;

  /** Throws `EEXIST`: nobody writes into another's file. */
  constructor(path: string, header: object, clock: Clock) {
    this.#fd = openSync(path, "ax", 0o644);
    this.#clock = clock;
    this.lastUs = clock.monoUs();
    const wallUs = clock.wallUs();
    this.#offsetUs = wallUs - this.lastUs;
    this.#write(`${JSON.stringify(header)}\nw ${this.lastUs} ${wallUs}\n`);
  }

  /** Reads both clocks, and gives the instant as a reader of the file will understand it. */
  now(): { readonly monoUs: number; readonly wallUs: number } {
    const monoUs = this.#clock.monoUs();
    const wallUs = this.#clock.wallUs();
    if (Math.abs(wallUs - monoUs - this.#offsetUs) > WALL_MOVED_US) {
      this.#offsetUs = wallUs - monoUs;
      this.#write(`w ${monoUs} ${wallUs}\n`);
    }
    return { monoUs, wallUs: monoUs + this.#offsetUs };
  }

  line(kind: string, monoUs: number, ...fields: readonly (string | number)[]): void {
    this.lastUs = Math.max(this.lastUs, monoUs);
    this.#write(`${[kind, monoUs, ...fields].join(" ")}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Whole, or it throws: what follows a line relies on its being there. */
  #write(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
  }
}
