/** Geometry of the drawn timeline, kept apart from the drawing. */

const STEPS_US = [1, 2, 5]
  .flatMap((digit) => [1e3, 1e4, 1e5, 1e6].map((unit) => digit * unit))
  .concat(
    [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400].map(
      (seconds) => seconds * 1e6,
    ),
  )
  .toSorted((a, b) => a - b);

/** Round values between two ends, at most `count` of them, 0 among them when it lies between. */
export function niceTicks(fromUs: number, toUs: number, count: number): readonly number[] {
  const span = toUs - fromUs;
  const step = STEPS_US.find((each) => span / each <= count) ?? Math.ceil(span / count);
  const first = Math.ceil(fromUs / step);
  const last = Math.floor(toUs / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step || 0);
}

export interface MarkPoint {
  readonly name: string;
  readonly x: number;
}

export interface MarkGroup {
  readonly names: readonly string[];
  /** Left-most of the group. */
  readonly x: number;
  readonly labelX: number;
  readonly lines: readonly number[];
}

/** Marks so close that their labels would overlap share one. */
export function groupMarks(points: readonly MarkPoint[], apart: number): readonly MarkGroup[] {
  const groups: MarkPoint[][] = [];
  for (const point of points.toSorted((a, b) => a.x - b.x)) {
    const last = groups.at(-1);
    const width = (last?.length ?? 0) * 22;
    if (last !== undefined && point.x - (last.at(0)?.x ?? 0) < Math.max(apart, width + 14)) last.push(point);
    else groups.push([point]);
  }
  return groups.map((group) => {
    const lines = [...new Set(group.map((point) => point.x))];
    const x = Math.min(...lines);
    const middle = (x + Math.max(...lines)) / 2;
    return {
      names: group.map((point) => point.name).toSorted(),
      x: group.length === 1 ? x : Math.round(middle * 10) / 10,
      labelX: middle,
      lines,
    };
  });
}
