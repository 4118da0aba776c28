/**
 * What a plain (unquoted) scalar means: the core schema of YAML 1.2 (section 10.3.2), less what people misread. Numbers
 * that another reader takes for something else are refused, never guessed. Messages do not repeat the value: it may be
 * a password that somebody forgot to quote.
 */
export type ScalarResult =
  | { readonly kind: "value"; readonly value: string | number | boolean | null }
  | { readonly kind: "fault"; readonly code: ScalarFault; readonly message: string; readonly hint: string };

export type ScalarFault = "YAML_NUMBER_BASE" | "YAML_NOT_FINITE" | "YAML_INTEGER_TOO_LARGE";

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ["", null],
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
]);

const NOT_FINITE = /^(?:[-+]?(?:\.inf|\.Inf|\.INF|Infinity)|\.nan|\.NaN|\.NAN|NaN)$/u;
const OTHER_BASE = /^[-+]?0(?:[0-9_]+|[xob][0-9A-Fa-f_]+)$/u;
const INTEGER = /^[-+]?[0-9]+$/u;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/u;
/** Longer than any number that is one. */
const MAX_NUMBER_LENGTH = 400;

export function resolvePlain(text: string): ScalarResult {
  const word = WORDS.get(text);
  if (word !== undefined) return { kind: "value", value: word };
  if (text.length > MAX_NUMBER_LENGTH) return { kind: "value", value: text };
  if (NOT_FINITE.test(text)) return notFinite();
  if (OTHER_BASE.test(text)) {
    return {
      kind: "fault",
      code: "YAML_NUMBER_BASE",
      message: "the number looks like octal or hexadecimal",
      hint: "write a decimal number, or quote it",
    };
  }
  if (INTEGER.test(text)) return integer(text);
  if (FLOAT.test(text)) return Number.isFinite(Number(text)) ? { kind: "value", value: Number(text) } : notFinite();
  return { kind: "value", value: text };
}

function integer(text: string): ScalarResult {
  const value = Number(text);
  // -0 is written 0: canonical JSON knows no other.
  if (Number.isSafeInteger(value)) return { kind: "value", value: value === 0 ? 0 : value };
  return {
    kind: "fault",
    code: "YAML_INTEGER_TOO_LARGE",
    message: "the integer is beyond 2^53 and would lose digits",
    hint: "quote it",
  };
}

function notFinite(): ScalarResult {
  return {
    kind: "fault",
    code: "YAML_NOT_FINITE",
    message: "the number is not finite",
    hint: "quote it when it is meant as text",
  };
}
