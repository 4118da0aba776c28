import { z } from "zod";
import { compareDecimals, parseDecimal, type Decimal } from "../support/decimal.ts";
import { compileRegex } from "../support/linear-regex.ts";
import { printable } from "../support/printable.ts";
import type { JsonValue } from "../support/json.ts";

/**
 * What a check expects of one value: `> 0`, `== 'open'`, `42`, `between 1 and 10`, `in ['a', 'b']`, `matches /^v[0-9]+$/`.
 * Numbers compare exactly, also those that came as text (bigint and numeric of SQL). Values that cannot be compared
 * (null, text against number, NaN) never meet an expectation, `!=` included: unknown is not a pass.
 */
export type Expectation =
  | { readonly kind: "compare"; readonly operator: Operator; readonly literal: Literal; readonly text: string }
  | { readonly kind: "between"; readonly low: Literal; readonly high: Literal; readonly text: string }
  | { readonly kind: "in"; readonly literals: readonly Literal[]; readonly text: string }
  | { readonly kind: "matches"; readonly test: (text: string) => boolean; readonly text: string };

export type Operator = ">" | ">=" | "<" | "<=" | "==" | "!=";

export type Literal =
  | { readonly kind: "number"; readonly value: Decimal }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" };

export type ExpectationResult = Expectation | ExpectationError;
export interface ExpectationError {
  readonly kind: "error";
  readonly message: string;
  readonly hint: string;
}

const MAX_LENGTH = 2000;
const MAX_MEMBERS = 100;

export function parseExpectation(text: string): ExpectationResult {
  if (text.length > MAX_LENGTH) return error(`expectation is longer than ${MAX_LENGTH} characters`);
  const pattern = /^\s*matches\s+\/([^]*)\/\s*$/u.exec(text);
  if (pattern !== null) return matching(pattern[1] ?? "", text.trim());
  const tokens = tokenize(text);
  if (typeof tokens === "string") return error(tokens);
  return fromTokens(tokens, text.trim());
}

function error(message: string): ExpectationError {
  return {
    kind: "error",
    message,
    hint: "write one of: > 0, == 'open', 42, between 1 and 10, in ['a', 'b'], matches /^v1/",
  };
}

function matching(pattern: string, text: string): ExpectationResult {
  const regex = compileRegex(pattern);
  if (regex.kind === "error") return error(`pattern is not usable: ${regex.message}`);
  return { kind: "matches", text, test: (actual) => actual.length <= MAX_MATCHED && regex.test(actual) };
}

/** Longer answers are not matched: a check looks at one short value. */
const MAX_MATCHED = 20_000;

type Token = { readonly kind: "literal"; readonly literal: Literal } | { readonly kind: "word"; readonly word: string };

const TOKEN =
  /\s*(?:(>=|<=|==|!=|>|<|\[|\]|,)|'([^']*)'|"([^"]*)"|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?)(?![\w.])|([A-Za-z]+)(?![\w.]))/uy;

function tokenize(text: string): readonly Token[] | string {
  const tokens: Token[] = [];
  const source = text.trimEnd();
  TOKEN.lastIndex = 0;
  for (let from = 0; from < source.length; from = TOKEN.lastIndex) {
    TOKEN.lastIndex = from;
    const match = TOKEN.exec(source);
    const token = match === null ? undefined : toToken(match);
    if (token === undefined) return `cannot read "${printable(source.slice(from).trim(), 40)}"`;
    tokens.push(token);
  }
  return tokens;
}

function toToken([, symbol, single, double, number, word]: RegExpExecArray): Token | undefined {
  if (symbol !== undefined) return { kind: "word", word: symbol };
  const quoted = single ?? double;
  if (quoted !== undefined) return { kind: "literal", literal: { kind: "text", value: quoted } };
  if (number !== undefined) {
    const value = parseDecimal(number);
    return value === undefined ? undefined : { kind: "literal", literal: { kind: "number", value } };
  }
  if (word === "true" || word === "false")
    return { kind: "literal", literal: { kind: "boolean", value: word === "true" } };
  if (word === "null") return { kind: "literal", literal: { kind: "null" } };
  return word === undefined ? undefined : { kind: "word", word };
}

function fromTokens(tokens: readonly Token[], text: string): ExpectationResult {
  const [first, second, third, fourth] = tokens;
  if (first === undefined) return error("expectation is empty");
  if (first.kind === "literal")
    return tokens.length === 1 ? compare("==", first.literal, text) : error("something follows the value");
  const operator = OPERATORS.get(first.word);
  if (operator !== undefined) {
    return second?.kind === "literal" && tokens.length === 2
      ? compare(operator, second.literal, text)
      : error(`one value must follow ${first.word}`);
  }
  if (first.word === "between") {
    const and = third?.kind === "word" && third.word === "and";
    if (second?.kind !== "literal" || !and || fourth?.kind !== "literal" || tokens.length !== 4)
      return error("between takes two values: between 1 and 10");
    return { kind: "between", low: second.literal, high: fourth.literal, text };
  }
  if (first.word === "in") return membership(tokens.slice(1), text);
  return error(`"${printable(first.word, 40)}" is not an operator; text must be quoted`);
}

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  [">", ">"],
  [">=", ">="],
  ["<", "<"],
  ["<=", "<="],
  ["==", "=="],
  ["!=", "!="],
]);

function compare(operator: Operator, literal: Literal, text: string): ExpectationResult {
  const ordered = operator !== "==" && operator !== "!=";
  if (ordered && literal.kind !== "number" && literal.kind !== "text")
    return error(`${operator} needs a number or a quoted text`);
  return { kind: "compare", operator, literal, text };
}

function membership(tokens: readonly Token[], text: string): ExpectationResult {
  const shape = tokens.map((token) => (token.kind === "literal" ? "v" : token.word)).join("");
  if (!/^\[v(?:,v)*\]$/u.test(shape)) return error("in takes a list: in [1, 2]");
  const literals = tokens.flatMap((token) => (token.kind === "literal" ? [token.literal] : []));
  if (literals.length > MAX_MEMBERS) return error(`in takes at most ${MAX_MEMBERS} values`);
  return { kind: "in", literals, text };
}

/** Numbers may be JS numbers, bigints or decimal text; booleans may be `t` and `f` as SQL prints them. */
export function meets(expected: Expectation, actual: JsonValue | bigint): boolean {
  switch (expected.kind) {
    case "compare":
      return holds(expected.operator, order(actual, expected.literal));
    case "between":
      return holds(">=", order(actual, expected.low)) && holds("<=", order(actual, expected.high));
    case "in":
      return expected.literals.some((literal) => holds("==", order(actual, literal)));
    case "matches":
      return (
        (typeof actual === "string" || typeof actual === "number" || typeof actual === "bigint") &&
        expected.test(String(actual))
      );
    default:
      return expected satisfies never;
  }
}

/** How an actual value stands to a literal; `unordered`: different, but neither is the greater; undefined: cannot be said. */
type Order = number | "unordered" | undefined;

function holds(operator: Operator, standing: Order): boolean {
  if (standing === undefined) return false;
  if (standing === "unordered") return operator === "!=";
  switch (operator) {
    case ">":
      return standing > 0;
    case ">=":
      return standing >= 0;
    case "<":
      return standing < 0;
    case "<=":
      return standing <= 0;
    case "==":
      return standing === 0;
    case "!=":
      return standing !== 0;
    default:
      return operator satisfies never;
  }
}

function order(actual: JsonValue | bigint, literal: Literal): Order {
  if (literal.kind === "null") return actual === null ? 0 : "unordered";
  if (actual === null || typeof actual === "object") return undefined;
  if (literal.kind === "number") {
    const value = typeof actual === "boolean" ? undefined : parseDecimal(String(actual));
    return value === undefined ? undefined : compareDecimals(value, literal.value);
  }
  if (literal.kind === "boolean") {
    const value = TRUTHS.get(String(actual));
    if (value === undefined) return undefined;
    return value === literal.value ? 0 : "unordered";
  }
  const text = String(actual);
  if (text === literal.value) return 0;
  return text < literal.value ? -1 : 1;
}

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["t", true],
  ["false", false],
  ["f", false],
]);

/** Zod type of an `expect:` in a step's `with`: text, or a bare number or truth value, checked when the playbook is read. */
export function expectation() {
  return z
    .union([z.string(), z.number(), z.boolean()])
    .meta({ examples: ["> 0", "between 1 and 10", "== 'open'"] })
    .transform((written, context): Expectation => {
      const parsed = parseExpectation(String(written));
      if (parsed.kind !== "error") return parsed;
      context.addIssue({ code: "custom", message: `EXPECT_SYNTAX: ${parsed.message}\n${parsed.hint}`, input: written });
      return z.NEVER;
    });
}
