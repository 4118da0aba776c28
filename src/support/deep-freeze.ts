/** Freezes a tree of plain objects and arrays in place and gives it back. The tree must have no cycles. */
export function deepFreeze<T>(value: T): T {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    const children: readonly unknown[] = Object.values(next);
    open.push(...children);
  }
  return value;
}
