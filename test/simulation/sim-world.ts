import { StepError } from "../../src/drills/step-error.ts";
import type { ResourceKind } from "../../src/drills/step-signature.ts";

/** Something that a step made and cleanup has to remove. */
interface Thing {
  readonly name: string;
  readonly kind: ResourceKind;
  readonly run: string;
  readonly installation: string;
}

/** One thing that was done to the world, by which attempt of which step. */
export interface Act {
  readonly key: string;
  readonly step: string;
  readonly epoch: number;
}

/** The truth: what exists and what was done, whoever knows of it. Outlives every process. */
export class SimWorld {
  readonly things = new Map<string, Thing>();
  readonly acts: Act[] = [];
  /** Nothing removes these. */
  readonly stuck = new Set<string>();
  /** What was asked of a person, and what they will say when. */
  readonly questions = new Map<string, Question>();

  #epoch = 0;

  /** Whoever is older than somebody the world has heard of is refused. */
  hear(epoch: number): void {
    if (epoch < this.#epoch)
      throw new StepError("permanent", "STALE_EPOCH", `the world has heard of epoch ${this.#epoch}`);
    this.#epoch = epoch;
  }

  hasActed(key: string): boolean {
    return this.acts.some((act) => act.key === key);
  }
}

export interface Question {
  readonly askedUs: number;
  /** Null: nobody ever answers. */
  readonly answeredUs: number | null;
  readonly decision: "approved" | "declined";
}
