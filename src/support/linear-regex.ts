/**
 * Regular expressions without backtracking: time grows with text times pattern, never exponentially, so that a pattern
 * out of a playbook cannot hang a run. A set-of-states simulation (Thompson, CACM 11(6), 1968).
 * Grammar: literals, `.`, classes `[a-z]` `[^...]`, `\d \w \s \D \W \S`, escapes, groups, `|`, `* + ? {n} {n,} {n,m}`, `^ $`.
 */
export type RegexResult =
  | { readonly kind: "regex"; test(text: string): boolean }
  | { readonly kind: "error"; readonly message: string };

const MAX_PATTERN = 500;
const MAX_STATES = 2000;
const MAX_REPEAT = 100;
const MAX_GROUPS = 20;

export function compileRegex(pattern: string): RegexResult {
  if (pattern.length > MAX_PATTERN)
    return { kind: "error", message: `pattern is longer than ${MAX_PATTERN} characters` };
  try {
    const program = new Compiler(pattern).compile();
    return { kind: "regex", test: (text) => run(program, text) };
  } catch (error) {
    if (error instanceof PatternError) return { kind: "error", message: error.message };
    throw error;
  }
}

class PatternError extends Error {}

type Matcher = (char: string) => boolean;
type Instruction =
  | { readonly op: "char"; readonly matches: Matcher }
  | { readonly op: "split"; readonly to: readonly number[] }
  | { readonly op: "start" }
  | { readonly op: "end" }
  | { readonly op: "accept" };

function run(program: readonly Instruction[], text: string): boolean {
  const chars = Array.from(text);
  let states = new Set<number>();
  for (let at = 0; at <= chars.length; at += 1) {
    // Unanchored: a match may begin at every position.
    if (follow(program, states, 0, at, chars.length)) return true;
    const char = chars[at];
    if (char === undefined) return false;
    const next = new Set<number>();
    for (const state of states) {
      const instruction = program[state];
      if (
        instruction?.op === "char" &&
        instruction.matches(char) &&
        follow(program, next, state + 1, at + 1, chars.length)
      )
        return true;
    }
    states = next;
  }
  return false;
}

/** Adds a state and what is reached from it without reading; true when that accepts. */
function follow(
  program: readonly Instruction[],
  states: Set<number>,
  from: number,
  at: number,
  length: number,
): boolean {
  const open = [from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (states.has(state)) continue;
    states.add(state);
    const instruction = program[state];
    if (instruction?.op === "accept") return true;
    if (instruction?.op === "split") open.push(...instruction.to.map((offset) => state + offset));
    if (instruction?.op === "start" && at === 0) open.push(state + 1);
    if (instruction?.op === "end" && at === length) open.push(state + 1);
  }
  return false;
}

class Compiler {
  readonly #chars: readonly string[];
  #at = 0;
  #groups = 0;

  constructor(pattern: string) {
    this.#chars = Array.from(pattern);
  }

  compile(): readonly Instruction[] {
    const body = this.#alternatives();
    if (this.#at < this.#chars.length) throw new PatternError("a ) closes nothing");
    return [...body, { op: "accept" }];
  }

  /** Jumps are relative to the instruction, so that pieces can be put together without renumbering. */
  #alternatives(): readonly Instruction[] {
    const left = this.#sequence();
    if (!this.#take("|")) return left;
    const right = this.#alternatives();
    return [{ op: "split", to: [1, left.length + 2] }, ...left, { op: "split", to: [right.length + 1] }, ...right];
  }

  #sequence(): readonly Instruction[] {
    const parts: Instruction[] = [];
    while (this.#peek() !== undefined && this.#peek() !== "|" && this.#peek() !== ")") {
      parts.push(...this.#repeat(this.#atom()));
      if (parts.length > MAX_STATES) throw new PatternError("the pattern is too large");
    }
    return parts;
  }

  #repeat(atom: readonly Instruction[]): readonly Instruction[] {
    const size = atom.length;
    if (this.#take("*")) return star(atom);
    if (this.#take("+")) return [...atom, { op: "split", to: [-size, 1] }];
    if (this.#take("?")) return [{ op: "split", to: [1, size + 1] }, ...atom];
    const bounds = this.#bounds();
    if (bounds === undefined) return atom;
    if ((size + 1) * Math.max(bounds.min, bounds.max ?? 0) > MAX_STATES)
      throw new PatternError("the pattern is too large");
    const fixed = Array.from({ length: bounds.min }, () => atom).flat();
    if (bounds.max === undefined) return [...fixed, ...star(atom)];
    const optional = Array.from({ length: bounds.max - bounds.min }, () => [
      { op: "split", to: [1, size + 1] } as const,
      ...atom,
    ]).flat();
    return [...fixed, ...optional];
  }

  #bounds(): { readonly min: number; readonly max: number | undefined } | undefined {
    if (this.#peek() !== "{") return undefined;
    const match = /^\{(\d{1,3})(,?)(\d{0,3})\}/u.exec(this.#chars.slice(this.#at, this.#at + 10).join(""));
    if (match === null) throw new PatternError("{ must be {n}, {n,} or {n,m}; escape it as \\{");
    const min = Number(match[1]);
    const unbounded = match[2] === "," && match[3] === "";
    const max = match[3] === "" ? min : Number(match[3]);
    if (min > MAX_REPEAT || max > MAX_REPEAT || max < min)
      throw new PatternError(`a repeat must be in order and at most ${MAX_REPEAT}`);
    this.#at += match[0].length;
    return { min, max: unbounded ? undefined : max };
  }

  #atom(): readonly Instruction[] {
    const char = this.#next();
    if (char === "(") return this.#group();
    if (char === "^") return [{ op: "start" }];
    if (char === "$") return [{ op: "end" }];
    if (char === ".") return [{ op: "char", matches: (seen) => seen !== "\n" }];
    if (char === "[") return [{ op: "char", matches: this.#class() }];
    if (char === "\\") return [{ op: "char", matches: this.#escape() }];
    if (char === "*" || char === "+" || char === "?" || char === "{")
      throw new PatternError(`nothing stands before ${char}`);
    return [{ op: "char", matches: (seen) => seen === char }];
  }

  #group(): readonly Instruction[] {
    this.#groups += 1;
    if (this.#groups > MAX_GROUPS) throw new PatternError(`more than ${MAX_GROUPS} groups`);
    if (this.#take("?") && !this.#take(":")) throw new PatternError("look-around and named groups are not supported");
    const body = this.#alternatives();
    if (!this.#take(")")) throw new PatternError("a ( is not closed");
    return body;
  }

  #escape(): Matcher {
    const char = this.#next();
    const known = CLASSES.get(char);
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/u.test(char)) throw new PatternError(`\\${char} is not supported`);
    return (seen) => seen === char;
  }

  #class(): Matcher {
    const negated = this.#take("^");
    const members: Matcher[] = [];
    do {
      members.push(this.#member());
    } while (!this.#take("]"));
    return (seen) => members.some((member) => member(seen)) !== negated;
  }

  #member(): Matcher {
    const low = this.#next();
    if (low === "\\") return this.#escape();
    if (this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") return (seen) => seen === low;
    this.#at += 1;
    const high = this.#next();
    if (high === "\\" || high < low) throw new PatternError("a range in [] is out of order");
    return (seen) => seen >= low && seen <= high;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const char = this.#peek();
    if (char === undefined) throw new PatternError("the pattern ends too early");
    this.#at += 1;
    return char;
  }
}

function star(atom: readonly Instruction[]): readonly Instruction[] {
  return [{ op: "split", to: [1, atom.length + 2] }, ...atom, { op: "split", to: [-atom.length - 1] }];
}

const CLASSES: ReadonlyMap<string, Matcher> = new Map([
  ["d", (char: string) => char >= "0" && char <= "9"],
  ["D", (char: string) => !(char >= "0" && char <= "9")],
  ["w", (char: string) => /^\w$/u.test(char)],
  ["W", (char: string) => !/^\w$/u.test(char)],
  ["s", (char: string) => /^\s$/u.test(char)],
  ["S", (char: string) => !/^\s$/u.test(char)],
  ["n", (char: string) => char === "\n"],
  ["t", (char: string) => char === "\t"],
]);
