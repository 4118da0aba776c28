/** The engine has broken a promise; the message says which, the seed and the trace say how it came to that. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function must(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new Violation(promise);
}
