/**
 * A driver that no shipped playbook needs. The first playbook that does gets this error: write the fake then, beside the others
 * (`sweep-drivers.ts`).
 */
export function absent(what: string): never {
  throw new Error(`the kill sweep has no fake of ${what}: a shipped playbook needs one now`);
}

/** A whole port of which nothing, or nothing but `part`, is there. */
export function partial<T extends object>(what: string, part: Partial<T> = {}): T {
  const get = (target: object, name: string | symbol): unknown =>
    typeof name === "symbol" || name === "then" || name in target
      ? Reflect.get(target, name)
      : (): never => absent(`${what}.${name}`);
  // Whatever else of T is asked for throws.
  return new Proxy(part, { get }) as T;
}
