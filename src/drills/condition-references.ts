import type { ASTNode } from "@marcbachmann/cel-js";

/** A path a condition names, `steps.restore.outputs.files`, as far as it is written down. */
export interface Reference {
  readonly path: readonly string[];
  readonly offset: number;
}

export type Bounded =
  | { readonly kind: "bounded"; readonly references: readonly Reference[] }
  | { readonly kind: "refused"; readonly message: string; readonly hint: string; readonly offset: number };

/** Each takes its body once per element; inside another the cost would multiply. */
const MACROS = new Set(["all", "exists", "exists_one", "filter"]);
const METHODS = new Set([
  ...MACROS,
  "contains",
  "startsWith",
  "endsWith",
  "size",
  "lowerAscii",
  "upperAscii",
  "trim",
  "indexOf",
  "getFullYear",
  "getMonth",
  "getDate",
  "getDayOfWeek",
  "getHours",
  "getMinutes",
  "getSeconds",
  "getMilliseconds",
]);
const FUNCTIONS = new Set([
  "size",
  "has",
  "int",
  "uint",
  "double",
  "string",
  "bool",
  "type",
  "dyn",
  "timestamp",
  "duration",
]);

/** Lists the names a condition reads and refuses what could make it run long. */
export function readReferences(root: ASTNode): Bounded {
  const references: Reference[] = [];
  const refused = walk(root, new Set(), false, references);
  return refused ?? { kind: "bounded", references };
}

type Refused = Extract<Bounded, { readonly kind: "refused" }>;

function walk(node: ASTNode, bound: ReadonlySet<string>, inMacro: boolean, found: Reference[]): Refused | undefined {
  const chain = chainOf(node);
  if (chain !== undefined) {
    const [first = ""] = chain;
    if (!bound.has(first)) found.push({ path: chain, offset: node.start });
    return undefined;
  }
  if (node.op === "call")
    return FUNCTIONS.has(node.args[0]) ? walkAll(node.args[1], bound, inMacro, found) : refuse(node, node.args[0]);
  if (node.op === "rcall") return walkMethod(node.args, node, bound, inMacro, found);
  return walkAll(children(node.args), bound, inMacro, found);
}

function walkMethod(
  [name, receiver, args]: readonly [string, ASTNode, readonly ASTNode[]],
  node: ASTNode,
  bound: ReadonlySet<string>,
  inMacro: boolean,
  found: Reference[],
): Refused | undefined {
  if (!METHODS.has(name)) return refuse(node, name);
  if (!MACROS.has(name)) return walk(receiver, bound, inMacro, found) ?? walkAll(args, bound, inMacro, found);
  if (inMacro)
    return {
      kind: "refused",
      message: `${name} stands inside another macro`,
      hint: "split the condition, or compute it in a query",
      offset: node.start,
    };
  const [variable] = args;
  const inner = variable?.op === "id" ? new Set([...bound, variable.args]) : bound;
  return walk(receiver, bound, inMacro, found) ?? walkAll(args.slice(1), inner, true, found);
}

function walkAll(
  nodes: readonly ASTNode[],
  bound: ReadonlySet<string>,
  inMacro: boolean,
  found: Reference[],
): Refused | undefined {
  for (const node of nodes) {
    const refused = walk(node, bound, inMacro, found);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function refuse(node: ASTNode, name: string): Refused {
  const hint =
    name === "matches"
      ? "use contains, startsWith or endsWith"
      : `functions: ${[...FUNCTIONS.union(METHODS)].join(", ")}`;
  return { kind: "refused", message: `${name}() is not available in conditions`, hint, offset: node.start };
}

/** `a.b["c"]` as [a, b, c]; undefined when it is anything else. */
function chainOf(node: ASTNode): readonly string[] | undefined {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return undefined;
  const [target, name] = node.args;
  const before = chainOf(target);
  if (before === undefined) return undefined;
  if (typeof name === "string") return [...before, name];
  return name.op === "value" && (typeof name.args === "string" || typeof name.args === "bigint")
    ? [...before, String(name.args)]
    : undefined;
}

/** Operands come as a node, a list of nodes, or pairs of nodes (map literals). */
function children(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(children);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "start" in value;
}
