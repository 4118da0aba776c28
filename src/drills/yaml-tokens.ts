import { CST, Lexer, Parser } from "yaml";
import type { Fault } from "../support/errors.ts";
import type { SourceText } from "./yaml-text.ts";

/** Collections inside collections; a playbook needs six. */
export const MAX_DEPTH = 32;
/** Keeps a megabyte of punctuation from taking seconds: 75 lexemes for each of 2,000 steps. */
const MAX_LEXEMES = 150_000;
/** Parser frames at which reading stops: the document, its depth, a scalar, and room to find the place later. */
const MAX_FRAMES = MAX_DEPTH + 16;

/** So many anchors or documents in one file are no slip: the rest need not be read. */
const MAX_REFUSED = 20;

export interface Tokens {
  readonly documents: readonly CST.Token[];
  readonly faults: readonly Fault[];
  /** False: reading stopped at a limit, the tokens are not complete. */
  readonly complete: boolean;
}

/** First pass: lexemes one by one, so that limits hold while reading and what we refuse is found where it stands. */
export function readTokens(source: SourceText): Tokens {
  const parser = new Parser();
  const documents: CST.Token[] = [];
  const watch = refusedFeatures(source);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    const at = parser.offset;
    watch.see(lexeme, at);
    for (const token of parser.next(lexeme)) documents.push(token);
    lexemes += 1;
    const limit = limitFault(source, at, lexemes, parser.stack.length);
    if (limit !== undefined) return { documents, faults: [...watch.faults, limit], complete: false };
    if (watch.faults.length === MAX_REFUSED) return { documents, faults: watch.faults, complete: false };
  }
  for (const token of parser.end()) documents.push(token);
  return { documents, faults: watch.faults, complete: true };
}

function limitFault(source: SourceText, at: number, lexemes: number, frames: number): Fault | undefined {
  if (frames > MAX_FRAMES) return tooDeep(source, at);
  if (lexemes > MAX_LEXEMES)
    return source.fault(at, "YAML_TOO_MANY_NODES", `over ${MAX_LEXEMES} tokens`, "split the file");
  return undefined;
}

export function tooDeep(source: SourceText, at: number): Fault {
  return source.fault(at, "YAML_TOO_DEEP", `nested deeper than ${MAX_DEPTH}`, "flatten the document");
}

const SCALAR_FOLLOWS = "\u001F";

/** Anchors, aliases, tags, directives and second documents: each makes a text mean something else than it says. */
function refusedFeatures(source: SourceText) {
  const faults: Fault[] = [];
  let previous = "";
  let documents = 0;
  const see = (lexeme: string, at: number): void => {
    const type = previous === SCALAR_FOLLOWS ? null : CST.tokenType(lexeme);
    previous = lexeme;
    if (type === "doc-start") documents += 1;
    const refused = refusal(type, documents);
    if (refused !== undefined) faults.push(source.fault(at, ...refused));
  };
  return { faults, see };
}

type Refusal = readonly [code: string, message: string, hint: string];

/** The word itself is not said: a password that begins with one of these characters looks the same. */
function refusal(type: CST.TokenType | null, documents: number): Refusal | undefined {
  switch (type) {
    case "anchor":
      return [
        "YAML_ANCHOR",
        "an anchor (&name) is not allowed",
        "write the value out where it is used, or quote it when it is meant as text",
      ];
    case "alias":
      return [
        "YAML_ALIAS",
        "an alias (*name) is not allowed",
        "write the value out, or quote it when it is meant as text",
      ];
    case "tag":
      return ["YAML_TAG", "a tag (!name) is not allowed", "remove it, or quote the value when it is meant as text"];
    case "directive-line":
      return ["YAML_DIRECTIVE", "a directive (%NAME) is not allowed", "remove the line; YAML 1.2 is read"];
    case "doc-start":
      if (documents < 2) return undefined;
      return ["YAML_MULTIPLE_DOCUMENTS", "a second document begins", "one file holds one document"];
    default:
      return undefined;
  }
}
