/** Keywords and values of a libpq connection string in the form `keyword=value` (manual: 34.1.1.1). Null for a URI or a slip. */
export function parseConninfo(text: string): ReadonlyMap<string, string> | null {
  const pairs = new Map<string, string>();
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)/guy;
  let end = 0;
  for (const match of text.matchAll(pair)) {
    const [whole, keyword = "", quoted, plain] = match;
    pairs.set(keyword, (quoted ?? plain ?? "").replace(/\\(.)/gu, "$1"));
    end = match.index + whole.length;
  }
  return text.slice(end).trim() === "" ? pairs : null;
}

export function formatConninfo(pairs: ReadonlyMap<string, string>): string {
  return [...pairs].map(([keyword, value]) => `${keyword}=${quoteValue(value)}`).join(" ");
}

function quoteValue(value: string): string {
  return /^[\w./:@-]+$/u.test(value) ? value : `'${value.replaceAll(/[\\']/gu, "\\$&")}'`;
}
