/**
 * How a server was started last: `postmaster.opts`, one line with the program and each argument in double quotes
 * (miscinit.c, `CreateOptsFile`, which escapes nothing). Null when it cannot be taken apart without doubt.
 */
export function parsePostmasterOpts(text: string): readonly [program: string, ...args: string[]] | null {
  const line = text.replace(/\n$/u, "");
  const begin = line.indexOf(' "');
  const program = begin === -1 ? line : line.slice(0, begin);
  if (!program.startsWith("/") || line.includes("\n")) return null;
  const rest = begin === -1 ? "" : line.slice(begin);
  if (!/^(?: "[^"]*")*$/u.test(rest)) return null;
  return [program, ...[...rest.matchAll(/ "([^"]*)"/gu)].map(([, argument = ""]) => argument)];
}
