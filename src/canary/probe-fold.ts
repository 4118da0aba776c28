import { z } from "zod";
import type { ClientOutage } from "../drills/facts.ts";
import type { ProbeView } from "../steps/ports/traffic.ts";
import type { Instant } from "../support/clock.ts";
import { damaged, type LinePlace, numberAt, readHeader, textAt } from "./log-line.ts";
import { PROBE_LOG_VERSION } from "./specs.ts";
import { WallTimes } from "./wall-times.ts";

type Outage = { -readonly [K in keyof ClientOutage]: ClientOutage[K] } & { failures: number };

/** Kept; all are counted. */
const OUTAGES_KEPT = 1000;

/**
 * Folds the lines of the prober's log. An outage begins with a failed probe and ends with the next acknowledged write; a
 * failure counts from when it was known, an answer from when it came.
 */
export class ProbeFold {
  probes = 0;
  failed = 0;
  outagesInAll = 0;
  watchedFrom: Instant | null = null;
  readonly outages: Outage[] = [];
  #heardAt: Instant | null = null;
  #lastGood: Instant | null = null;
  #lastRead: Instant | null = null;
  #goodInARow = 0;
  #outage: Outage | null = null;
  #failing = false;
  #endpoint: string | null = null;
  readonly #wall = new WallTimes();
  #place: LinePlace = { path: "", line: 0 };

  begin(path: string): void {
    this.#place = { path, line: 0 };
  }

  line(text: string): void {
    this.#place = { ...this.#place, line: this.#place.line + 1 };
    if (this.#place.line === 1) {
      readHeader(z.object({}), PROBE_LOG_VERSION, text, this.#place);
      return;
    }
    const fields = text.split(" ");
    const monoUs = numberAt(fields, 1, this.#place);
    if (fields[0] === "w") this.#wall.noted(monoUs, numberAt(fields, 2, this.#place));
    this.#heard(monoUs);
    this.#fold(monoUs, fields);
  }

  #fold(monoUs: number, fields: readonly string[]): void {
    switch (fields[0]) {
      case "p":
        return this.#good(monoUs + numberAt(fields, 2, this.#place), monoUs + numberAt(fields, 3, this.#place));
      case "f":
        return this.#bad(monoUs, fields);
      case "c":
        this.#endpoint = textAt(fields, 2, this.#place);
        return;
      case "w":
      case "h":
      case "e":
        return;
      default:
        throw damaged(this.#place, "it begins with no letter of a probe log");
    }
  }

  #heard(monoUs: number): void {
    this.watchedFrom ??= this.#wall.at(monoUs);
    if (this.#heardAt === null || monoUs > this.#heardAt.monoUs) this.#heardAt = this.#wall.at(monoUs);
  }

  #good(readUs: number, writeUs: number): void {
    this.#heard(writeUs);
    this.probes += 1;
    this.#goodInARow += 1;
    this.#lastRead = this.#wall.at(readUs);
    this.#lastGood = this.#wall.at(writeUs);
    if (!this.#failing || this.#outage === null) return;
    this.#failing = false;
    this.#outage.firstRead ??= this.#lastRead;
    this.#outage.firstWrite = this.#lastGood;
    this.#outage.to = this.#endpoint;
  }

  #bad(beginUs: number, fields: readonly string[]): void {
    const at = this.#wall.at(beginUs + numberAt(fields, 3, this.#place));
    const reason = textAt(fields, 4, this.#place);
    this.#heard(at.monoUs);
    this.probes += 1;
    this.failed += 1;
    this.#goodInARow = 0;
    const began = !this.#failing || this.#outage === null;
    const outage = this.#outage !== null && this.#failing ? this.#outage : this.#begin(at, reason);
    outage.failures += 1;
    outage.lastFailed = this.#wall.at(beginUs);
    if (fields[2] === "-") return;
    this.#lastRead = this.#wall.at(beginUs + numberAt(fields, 2, this.#place));
    // The read of the probe that begins the outage came before it.
    if (!began) outage.firstRead ??= this.#lastRead;
  }

  #begin(at: Instant, reason: string): Outage {
    const outage: Outage = {
      lastGood: this.#lastGood,
      firstFailed: at,
      lastFailed: at,
      firstRead: null,
      firstWrite: null,
      from: this.#endpoint,
      to: null,
      reason,
      failures: 0,
    };
    this.#failing = true;
    this.#outage = outage;
    this.outagesInAll += 1;
    if (this.outages.length < OUTAGES_KEPT) this.outages.push(outage);
    return outage;
  }

  view(): ProbeView {
    return {
      probes: this.probes,
      lastGood: this.#lastGood,
      lastRead: this.#lastRead,
      outage: this.#outage === null ? null : { ...this.#outage },
      goodInARow: this.#goodInARow,
      heardAt: this.#heardAt,
    };
  }
}
