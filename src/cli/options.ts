import { FiredrillError } from "../support/errors.ts";

/** Options as commander gives them: strings, flags and lists, already checked for their names. */
export type Options = Readonly<Record<string, unknown>>;

export function text(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

export function texts(options: Options, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

export function required(options: Options, name: string): string {
  const value = text(options, name);
  if (value === undefined) throw new FiredrillError("USAGE", `--${name} is missing`);
  return value;
}

export function flag(options: Options, name: string): boolean {
  return options[name] === true;
}

/** A whole number of at least `least`; USAGE otherwise. */
export function wholeNumber(options: Options, name: string, least: number): number | undefined {
  const value = text(options, name);
  if (value === undefined) return undefined;
  if (!/^\d{1,12}$/u.test(value) || Number(value) < least) {
    throw new FiredrillError("USAGE", `--${name} must be a whole number of at least ${least}, not "${value}"`);
  }
  return Number(value);
}

/** `--param a=1 --param b=x` as a map; the planner types the values. */
export function params(options: Options): ReadonlyMap<string, string> {
  const list: unknown = options["param"] ?? [];
  const result = new Map<string, string>();
  for (const entry of Array.isArray(list) ? list.map(String) : []) {
    const at = entry.indexOf("=");
    if (at < 1) {
      throw new FiredrillError("PARAM_SYNTAX", `--param ${entry} is not of the form name=value`, {
        hint: "--param until=latest",
      });
    }
    const name = entry.slice(0, at);
    if (result.has(name)) throw new FiredrillError("PARAM_SYNTAX", `--param ${name} is given twice`);
    result.set(name, entry.slice(at + 1));
  }
  return result;
}
