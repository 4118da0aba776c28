import { LineReader } from "./line-reader.ts";
import { ProbeFold } from "./probe-fold.ts";
import { filesOf } from "./traffic-files.ts";

/** The prober's log of one traffic, all processes after one another, read on and on. */
export class ProbeLog {
  readonly fold = new ProbeFold();
  readonly #dir: string;
  #reader: LineReader | null = null;
  /** One reading at a time: a line is folded once. */
  #turn: Promise<void> = Promise.resolve();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Folds what has come; `each` is called after every line. */
  catchUp(each: () => void = () => undefined): Promise<void> {
    const turn = this.#turn.then(() => this.#read(each));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #read(each: () => void): Promise<void> {
    for (;;) {
      const next = this.#nextFile();
      await this.#reader?.read((line) => {
        this.fold.line(line);
        each();
      });
      if (next === null) return;
      this.#reader = new LineReader(next);
      this.fold.begin(next);
    }
  }

  /** Looked for before the one at hand is read to its end: once there is another, nobody writes to this one any more. */
  #nextFile(): string | null {
    const files = filesOf(this.#dir, "prober");
    const at = this.#reader === null ? -1 : files.indexOf(this.#reader.path);
    return files[at + 1] ?? null;
  }
}
